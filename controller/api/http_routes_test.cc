// The HTTP API over a real HTTP port, in-process gRPC and a scripted core.
#include "controller/api/http_routes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/json.h"
#include "controller/api/api_fixture.h"
#include "controller/api/http_port.h"
#include "controller/api/http_test_client.h"
#include "controller/api/limits.h"
#include "spawner/v1/sessions.grpc.pb.h"

namespace spawner::api {
namespace {

class HttpRoutesTest : public ::testing::Test {
 protected:
  HttpRoutesTest() : routes_(server_.edge, {.is_loopback = true}), port_(routes_) {
    routes_.SetChannel(server_.port.InProcessChannel());
    EXPECT_TRUE(port_.Start({"127.0.0.1", 0}).ok());
  }

  std::string Get(const std::string& path, const std::string& headers = "") {
    return HttpExchangeBytes(port_.port(), GetBytes(path, headers));
  }
  static std::string GetBytes(const std::string& path, const std::string& headers = "") {
    return absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n",
                        headers, "\r\n");
  }
  std::string Spawn(const std::string& body, const std::string& query = "",
                    const std::string& headers = "Content-Type: application/json\r\n") {
    return HttpExchangeBytes(
        port_.port(), absl::StrCat("POST /spawn", query, " HTTP/1.1\r\nHost: localhost:9091\r\n",
                                   "Connection: close\r\nContent-Length: ", body.size(), "\r\n",
                                   headers, "\r\n", body));
  }
  static std::string BodyOf(const std::string& answer) {
    return answer.substr(std::min(answer.find("\r\n\r\n"), answer.size() - 4) + 4);
  }
  static bool IsCode(const std::string& answer, int code) {
    return absl::StartsWith(answer, absl::StrCat("HTTP/1.1 ", code, " "));
  }
  void Put(
      const std::string& id, SessionState state, StartPhase phase = StartPhase::kNone,
      EndReason reason = EndReason::kNone,
      const std::function<void(SessionView&)>& edit = [](SessionView&) {}) {
    SessionView view = FakeService::MakeSession(id);
    view.state = state;
    view.phase = phase;
    view.reason = reason;
    edit(view);
    server_.loop.Run([&] { server_.service.sessions[id] = view; });
  }
  // What the core was asked for. The answer to a spawn came through another thread than the loop's.
  std::vector<core::ConnectParams> Connects() {
    std::vector<core::ConnectParams> connects;
    server_.loop.Run([&] { connects = server_.service.connects; });
    return connects;
  }

  ApiServer server_;
  HttpRoutes routes_;
  HttpPort port_;
};

TEST_F(HttpRoutesTest, SpawnStartsASessionThroughTheChecksOfConnect) {
  const std::string answer = Spawn(R"({"image": "demo", "env": {"A": "b"}})");
  ASSERT_TRUE(IsCode(answer, 200)) << answer;
  const auto json = ParseJson(BodyOf(answer));
  ASSERT_TRUE(json.ok()) << answer;
  EXPECT_EQ((*json)["name"], "random");
  EXPECT_EQ((*json)["url"], "http://proxy.test:8080/s/random/");
  EXPECT_EQ((*json)["readyUrl"], "http://controller.test:9091/backend/random/ready");
  EXPECT_EQ((*json)["statusUrl"], "http://controller.test:9091/backend/random/status");
  const std::vector<core::ConnectParams> connects = Connects();
  ASSERT_EQ(connects.size(), 1u);
  EXPECT_EQ(connects[0].ns, "default");
  EXPECT_EQ(connects[0].spec->image, "demo");

  EXPECT_TRUE(IsCode(Spawn(R"({"image": "demo"})", "?namespace=team-a"), 200));
  EXPECT_EQ(Connects().at(1).ns, "team-a");
  const std::string forbidden = Spawn(R"({"image": "demo"})", "?namespace=secret");
  EXPECT_TRUE(IsCode(forbidden, 403)) << forbidden;
  EXPECT_TRUE(absl::StrContains(forbidden, R"("reason":"NAMESPACE_FORBIDDEN")"));
  const std::string reserved = Spawn(R"({"image": "demo", "env": {"PORT": "1"}})");
  EXPECT_TRUE(IsCode(reserved, 400)) << reserved;
  EXPECT_TRUE(absl::StrContains(reserved, R"("reason":"INVALID_FIELD")"));
  EXPECT_TRUE(IsCode(Spawn(R"({"image": "demo", "cmd": []})"), 400));
  EXPECT_EQ(Connects().size(), 2u);
}

TEST_F(HttpRoutesTest, APageOfAnotherOriginCanNotSpawn) {
  // No preflight is answered, and without one a page can send no JSON.
  EXPECT_TRUE(IsCode(Spawn(R"({"image": "demo"})", "", "Content-Type: text/plain\r\n"), 415));
  EXPECT_TRUE(IsCode(HttpExchangeBytes(port_.port(),
                                       "OPTIONS /spawn HTTP/1.1\r\nHost: localhost\r\n"
                                       "Connection: close\r\n\r\n"),
                     405));
  // DNS rebinding.
  const std::string rebound = HttpExchangeBytes(
      port_.port(),
      "GET /backend/x/status HTTP/1.1\r\nHost: evil.test:9091\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(IsCode(rebound, 403)) << rebound;
  EXPECT_TRUE(Connects().empty());
}

TEST_F(HttpRoutesTest, ErrorsOfTheCoreHaveTheirCodeAndWait) {
  server_.loop.Run([this] {
    server_.service.on_connect = [](const core::ConnectParams&, core::Service::ConnectDone done) {
      done(WithRetryAfter(WithReason(absl::ResourceExhaustedError("too many"), "QUOTA_EXCEEDED"),
                          absl::Milliseconds(2500)));
    };
  });
  const std::string answer = Spawn(R"({"image": "demo"})");
  EXPECT_TRUE(IsCode(answer, 429)) << answer;
  EXPECT_TRUE(absl::StrContains(answer, "\r\nRetry-After: 3\r\n")) << answer;
  EXPECT_EQ(BodyOf(answer),
            "{\"error\":{\"code\":\"RESOURCE_EXHAUSTED\",\"message\":\"too many\","
            "\"reason\":\"QUOTA_EXCEEDED\"}}\n");
}

TEST_F(HttpRoutesTest, AnAuthorizationThatGrpcCanNotCarryIsRefused) {
  EXPECT_TRUE(IsCode(Get("/backend/x/status", "Authorization: Bearer \xc3\xa9\r\n"), 401));
  EXPECT_TRUE(IsCode(Get("/backend/x/status", "Authorization: Bearer abc\r\n"), 404));
}

TEST_F(HttpRoutesTest, ReadyRedirectsOnlyWhenItIs) {
  Put("r", SessionState::kReady);
  Put("s", SessionState::kStarting, StartPhase::kPulling);
  Put("t", SessionState::kTerminated, StartPhase::kNone, EndReason::kIdle);
  const std::string ready = Get("/backend/r/ready");
  EXPECT_TRUE(IsCode(ready, 302)) << ready;
  EXPECT_TRUE(absl::StrContains(ready, "\r\nLocation: http://proxy.test:8080/s/r/\r\n")) << ready;
  const std::string starting = Get("/backend/s/ready");
  EXPECT_TRUE(IsCode(starting, 409)) << starting;
  EXPECT_TRUE(absl::StrContains(starting, R"("state":"Scheduled")")) << starting;
  EXPECT_TRUE(IsCode(Get("/backend/t/ready"), 410));
  EXPECT_TRUE(IsCode(Get("/backend/unknown/ready"), 404));
  EXPECT_TRUE(IsCode(Get("/backend/Not_A_Name/ready"), 404));
  EXPECT_TRUE(IsCode(Get("/backend/r/ready?namespace=..%2f"), 400));
  EXPECT_TRUE(IsCode(Get("/backend/r/ready/x"), 404));
  EXPECT_TRUE(IsCode(Get("/backend/r"), 404));
}

TEST_F(HttpRoutesTest, StatusSaysThatItFailedAndNotWhatTheLogSays) {
  Put("f", SessionState::kTerminated, StartPhase::kNone, EndReason::kCrashed,
      [](SessionView& view) { view.message = "exit 3"; });
  const std::string answer = Get("/backend/f/status");
  EXPECT_TRUE(IsCode(answer, 200)) << answer;
  EXPECT_EQ(BodyOf(answer), "{\"name\":\"f\",\"reason\":\"CRASHED\",\"state\":\"Failed\"}\n");
}

TEST_F(HttpRoutesTest, TheStreamTellsEachStateOnceAndEnds) {
  Put("s", SessionState::kStarting, StartPhase::kPulling);
  HttpTestClient client(port_.port());
  client.Send(GetBytes("/backend/s/status/stream"));
  std::string text = client.ReadUntil("Scheduled");
  EXPECT_TRUE(absl::StrContains(text, "Content-Type: text/event-stream\r\n")) << text;
  const auto was_ready = [](SessionView& view) {
    view.ready_time = absl::FromUnixSeconds(1'800'000'009);
  };
  Put("s", SessionState::kReady, StartPhase::kNone, EndReason::kNone, was_ready);
  text += client.ReadUntil("Ready");
  Put("s", SessionState::kTerminated, StartPhase::kNone, EndReason::kIdle, was_ready);
  text += client.ReadToEnd();
  std::vector<std::string> states;
  for (size_t at = text.find("\"state\":\""); at != std::string::npos;
       at = text.find("\"state\":\"", at + 1)) {
    states.push_back(text.substr(at + 9, text.find('"', at + 9) - at - 9));
  }
  EXPECT_EQ(states, (std::vector<std::string>{"Submitted", "Constructed", "Scheduled", "Running",
                                              "Ready", "Swept"}))
      << text;
  EXPECT_TRUE(absl::StrContains(text, "\"time\":\"2027-01-15T08:00:09Z\"")) << text;

  // Who comes back gets only what it has missed; after the end nothing.
  const size_t id = text.find("-5\n");
  ASSERT_NE(id, std::string::npos) << text;
  const size_t start = text.rfind("id: ", id) + 4;
  const std::string epoch = text.substr(start, id - start);
  const std::string resumed =
      Get("/backend/s/status/stream", absl::StrCat("Last-Event-ID: ", epoch, "-5\r\n"));
  EXPECT_FALSE(absl::StrContains(resumed, "Running")) << resumed;
  EXPECT_TRUE(absl::StrContains(resumed, "Swept")) << resumed;
  EXPECT_TRUE(IsCode(
      Get("/backend/s/status/stream", absl::StrCat("Last-Event-ID: ", epoch, "-6\r\n")), 204));
}

TEST_F(HttpRoutesTest, StreamsAreBoundedAndOnesThatAreGoneAreNoticed) {
  Put("s", SessionState::kStarting, StartPhase::kPulling);
  EXPECT_TRUE(IsCode(Get("/backend/unknown/status/stream"), 404));
  std::vector<std::unique_ptr<HttpTestClient>> clients;
  for (int i = 0; i < kHttpStreamsMax; ++i) {
    clients.push_back(std::make_unique<HttpTestClient>(port_.port()));
    clients.back()->Send(GetBytes("/backend/s/status/stream"));
    clients.back()->ReadUntil("Scheduled");
  }
  EXPECT_TRUE(IsCode(Get("/backend/s/status/stream"), 503));
  EXPECT_TRUE(IsCode(Get("/healthz"), 200));
  clients.pop_back();
  // Until the port has seen it leave.
  std::string answer = "HTTP/1.1 503 ";
  while (IsCode(answer, 503)) {
    HttpTestClient client(port_.port());
    client.Send(GetBytes("/backend/s/status/stream"));
    answer = client.ReadUntil("\r\n");
  }
  EXPECT_TRUE(IsCode(answer, 200)) << answer;
}

TEST_F(HttpRoutesTest, TheStatusPageIsOneFileThatRunsNothingElse) {
  for (const char* path : {"/", "/status", "/status?filter=state=READY"}) {
    const std::string answer = Get(path);
    EXPECT_TRUE(IsCode(answer, 200)) << path;
    EXPECT_TRUE(absl::StrContains(answer, "default-src 'none'; script-src 'sha256-")) << answer;
    EXPECT_FALSE(absl::StrContains(answer, "unsafe"));
    EXPECT_FALSE(absl::StrContains(answer, "{{"));
    EXPECT_FALSE(absl::StrContains(BodyOf(answer), "https://"));
  }
}

TEST_F(HttpRoutesTest, TheStatusStreamHasTheStatusThenSessionsThenChanges) {
  server_.loop.Run([this] {
    server_.service.status.controller_id = "c-1";
    server_.service.status.proxies = {{.id = "p-1", .is_connected = true, .connections = 7}};
  });
  Put("a", SessionState::kReady, StartPhase::kNone, EndReason::kNone,
      [](SessionView& view) { view.message = "<script>"; });
  HttpTestClient client(port_.port());
  client.Send(GetBytes("/status/stream?filter=state%3DREADY"));
  const std::string first = client.ReadUntil("event: sessions\n");
  EXPECT_TRUE(absl::StrContains(first, "event: status\ndata: {")) << first;
  EXPECT_TRUE(absl::StrContains(first, R"("controllerId":"c-1")")) << first;
  const std::string sessions = client.ReadUntil("\n\n");
  EXPECT_TRUE(absl::StrContains(sessions, R"("reset":true)")) << sessions;
  EXPECT_TRUE(absl::StrContains(sessions, R"("name":"namespaces/default/sessions/a")")) << sessions;
  EXPECT_FALSE(absl::StrContains(sessions, "\"spec\"")) << sessions;
  EXPECT_FALSE(absl::StrContains(sessions, "<script>")) << sessions;
  server_.loop.Run([this] {
    EXPECT_EQ(server_.service.last_list.state, SessionState::kReady);
    const auto& [id, watcher] = *server_.service.watches.begin();
    watcher->OnWatchEvent(
        {core::WatchEventType::kDeleted, FakeService::Share(FakeService::MakeSession("a")), "2"});
    watcher->OnWatchEvent(
        {core::WatchEventType::kAdded, FakeService::Share(FakeService::MakeSession("b")), "3"});
  });
  client.ReadUntil("event: sessions\n");
  const std::string changes = client.ReadUntil("\n\n");
  EXPECT_TRUE(
      absl::StrContains(changes, R"("reset":false,"gone":["namespaces/default/sessions/a )"))
      << changes;
  EXPECT_TRUE(absl::StrContains(changes, R"("name":"namespaces/default/sessions/b")")) << changes;
  // Another leader: the page is told, and gets all of it anew.
  server_.loop.Run([this] {
    core::Watcher* const watcher = server_.service.watches.begin()->second;
    server_.service.watches.clear();
    watcher->OnWatchEnd(Edge::LeaderGone());
  });
  const std::string again = client.ReadUntil(R"("reset":true)");
  EXPECT_TRUE(absl::StrContains(again, "event: problem\ndata: {\"error\":")) << again;
  EXPECT_TRUE(absl::StrContains(again, R"("reason":"NO_LEADER")")) << again;
}

TEST_F(HttpRoutesTest, TheStatusStreamOfAPageThatIsClosedEndsItsWatch) {
  {
    HttpTestClient client(port_.port());
    client.Send(GetBytes("/status/stream"));
    client.ReadUntil("event: sessions\n");
    server_.loop.Run([this] { EXPECT_EQ(server_.service.watches.size(), 1u); });
  }
  server_.loop.WaitUntil([this] { return server_.service.watches.empty(); });
  EXPECT_TRUE(IsCode(Get("/status/stream?nonsense=1"), 400));
  server_.loop.Run([this] { server_.edge.EndStreams(); });
  EXPECT_TRUE(IsCode(Get("/status/stream"), 503));
}

TEST_F(HttpRoutesTest, ConnectNamesTheStatusUrlWhereItIsKnown) {
  grpc::ClientContext context;
  v1::ConnectRequest request;
  request.set_parent("namespaces/team-a");
  request.mutable_spec()->set_image("demo");
  v1::ConnectResponse response;
  ASSERT_TRUE(v1::Sessions::NewStub(server_.channel)->Connect(&context, request, &response).ok());
  EXPECT_EQ(response.status_url(),
            "http://controller.test:9091/backend/random/status?namespace=team-a");
}

}  // namespace
}  // namespace spawner::api
