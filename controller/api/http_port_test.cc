#include "controller/api/http_port.h"

#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "controller/api/fake_logs.h"
#include "controller/api/fake_loop.h"
#include "controller/api/fake_service.h"
#include "controller/api/grpc_port.h"
#include "controller/api/http_routes.h"
#include "controller/api/http_test_client.h"
#include "controller/api/limits.h"

namespace spawner::api {
namespace {

class HttpPortTest : public ::testing::Test {
 protected:
  HttpPortTest()
      : edge_(loop_.poster(), clock_,
              {.namespaces = {"default"}, .urls = *SessionUrls::Make("http://p:1", "")}),
        grpc_(edge_),
        routes_(edge_, {.is_loopback = true}),
        port_(routes_) {
    EXPECT_TRUE(grpc_.Start({"127.0.0.1", 0}).ok());
    routes_.SetChannel(grpc_.InProcessChannel());
    EXPECT_TRUE(port_.Start({"127.0.0.1", 0}).ok());
  }
  ~HttpPortTest() override {
    loop_.Run([] {});  // what the port has asked of the edge
  }
  void Open() {
    loop_.Run([this] { edge_.Open(service_, logs_, {}); });
  }
  std::string Exchange(const std::string& bytes) { return HttpExchangeBytes(port_.port(), bytes); }
  std::string Get(const std::string& path) {
    return Exchange(
        absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
  }

  FakeClock clock_;
  FakeService service_;
  FakeLogs logs_;
  FakeLoop loop_;
  Edge edge_;
  GrpcPort grpc_;
  HttpRoutes routes_;
  HttpPort port_;
};

TEST_F(HttpPortTest, ReadyzNamesEveryReason) {
  std::string answer = Get("/readyz");
  EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 503 ")) << answer;
  EXPECT_TRUE(absl::EndsWith(answer, "\r\n\r\nstarting\n")) << answer;
  service_.status.kubernetes_status = absl::UnavailableError("connection refused");
  Open();
  EXPECT_TRUE(
      absl::EndsWith(Get("/readyz"),
                     "\r\n\r\nkubernetes: connection refused\nthe first list of pods is not "
                     "complete\nno controller leads\n"));
  loop_.Run([this] {
    service_.status.kubernetes_status = absl::OkStatus();
    service_.status.is_synced = true;
    service_.status.leader_id = "c-1";
  });
  answer = Get("/readyz");
  EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 200 ")) << answer;
}

TEST_F(HttpPortTest, ReadyzIsNotFooledByOurOwnNameInALeaseThatWeLost) {
  service_.status.is_synced = true;
  service_.status.controller_id = service_.status.leader_id = "c-1";
  service_.status.is_leader = true;
  Open();
  EXPECT_TRUE(absl::StartsWith(Get("/readyz"), "HTTP/1.1 200 "));
  loop_.Run([this] {
    service_.status.is_leader = false;
    edge_.SetLeaseProblem("update lease: HTTP 403");
  });
  EXPECT_TRUE(
      absl::EndsWith(Get("/readyz"), "\r\n\r\nno controller leads: update lease: HTTP 403\n"));
}

TEST_F(HttpPortTest, HealthzNeedsNoCore) {
  EXPECT_TRUE(absl::StartsWith(Get("/healthz"), "HTTP/1.1 200 OK"));
}

TEST_F(HttpPortTest, MetricsHaveTheContractsNames) {
  service_.status.sessions = {{SessionState::kReady, 2}};
  service_.status.kubernetes_requests = {{"create pods 201", 5}};
  service_.status.counters.drains_refused = 3;
  service_.status.counters.idle_end_error.Add(absl::Milliseconds(20));
  service_.status.counters.start_phases["pulling"].Add(absl::Seconds(100));
  loop_.Run([this] {
    edge_.metrics().CountConnect("cold", "ok", absl::Milliseconds(3));
    edge_.metrics().CountConnect("cold", "ok", absl::Minutes(3));
  });
  Open();
  const std::string answer = Get("/metrics");
  for (const char* line :
       {"spawner_sessions{state=\"READY\"} 2\n",
        "spawner_kubernetes_requests_total{verb=\"create\",resource=\"pods\",code=\"201\"} 5\n",
        "spawner_connect_duration_seconds_bucket{started_from=\"cold\",outcome=\"ok\",le=\"0."
        "0025\"} "
        "0\n",
        "spawner_connect_duration_seconds_bucket{started_from=\"cold\",outcome=\"ok\",le=\"0.005\"}"
        " "
        "1\n",
        "spawner_connect_duration_seconds_bucket{started_from=\"cold\",outcome=\"ok\",le=\"+Inf\"} "
        "2\n",
        "spawner_connect_duration_seconds_count{started_from=\"cold\",outcome=\"ok\"} 2\n",
        "spawner_start_phase_seconds_bucket{phase=\"pulling\",le=\"60\"} 0\n",
        "spawner_start_phase_seconds_bucket{phase=\"pulling\",le=\"120\"} 1\n",
        "spawner_idle_end_error_seconds_bucket{le=\"0.01\"} 0\n",
        "spawner_idle_end_error_seconds_bucket{le=\"0.025\"} 1\n",
        "spawner_idle_end_error_seconds_sum 0.02\nspawner_idle_end_error_seconds_count 1\n",
        "spawner_drains_refused_total 3\n"}) {
    EXPECT_TRUE(absl::StrContains(answer, line)) << line << "\n" << answer;
  }
}

TEST_F(HttpPortTest, TheRestIsRefusedWithAHint) {
  EXPECT_TRUE(absl::StartsWith(Get("/nothing"), "HTTP/1.1 404 "));
  EXPECT_TRUE(absl::StrContains(Get("/nothing"), "POST /spawn"));
  EXPECT_TRUE(absl::StartsWith(
      Exchange(
          "POST /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx"),
      "HTTP/1.1 405 "));
  const std::string head =
      Exchange("HEAD /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(absl::EndsWith(head, "\r\n\r\n")) << head;
}

TEST_F(HttpPortTest, MalformedAndHugeHeadsCloseTheConnection) {
  EXPECT_EQ(Exchange("\x01\x02\r\n\r\n"), "");
  EXPECT_EQ(Exchange(absl::StrCat("GET / HTTP/1.1\r\nX: ", std::string(20'000, 'x'), "\r\n\r\n")),
            "");
}

TEST_F(HttpPortTest, ABodyThatIsTooLargeIsRefusedUnread) {
  EXPECT_TRUE(absl::StartsWith(
      Exchange("POST /spawn HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000\r\n\r\n"),
      "HTTP/1.1 413 "));
}

// Sends more at once than a client may leave unread.
class Flood final : public HttpHandler {
 public:
  void Begin(std::shared_ptr<HttpThread> thread) override {}
  void Handle(const HttpExchangePtr& exchange) override {
    if (!exchange->StartEvents([this] { gone_.set_value(); })) return;
    const std::string piece(kHttpStreamBytesMax / 8, 'x');
    for (int i = 0; i < 9; ++i) exchange->Send(piece);
  }
  void Finish(std::function<void()> done) override { done(); }
  void WaitUntilGone() { gone_.get_future().wait(); }

 private:
  std::promise<void> gone_;
};

TEST(HttpPort, CutsOffWhoLeavesTooMuchUnread) {
  Flood flood;
  HttpPort port(flood);
  ASSERT_TRUE(port.Start({"127.0.0.1", 0}).ok());
  HttpTestClient client(port.port());
  client.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  flood.WaitUntilGone();
  EXPECT_LT(client.ReadToEnd().size(), kHttpStreamBytesMax);
}

TEST_F(HttpPortTest, ServesManyRequestsOfOneConnection) {
  const std::string request = "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n";
  const std::string answer = Exchange(
      absl::StrCat(request, request, "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n"));
  size_t count = 0;
  for (size_t at = answer.find("200 OK"); at != std::string::npos;
       at = answer.find("200 OK", at + 1)) {
    ++count;
  }
  EXPECT_EQ(count, 3u);
}

TEST_F(HttpPortTest, SaysThatAPortIsInUse) {
  HttpPort second(routes_);
  const absl::Status status = second.Start({"127.0.0.1", static_cast<uint16_t>(port_.port())});
  EXPECT_EQ(status.message(),
            absl::StrCat("listen on 127.0.0.1:", port_.port(), ": Address already in use"));
}

}  // namespace
}  // namespace spawner::api
