// The access log, Server-Timing and traces, through a worker in a simulated network.
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "proxy/forward/access_log.h"
#include "proxy/forward/limits.h"
#include "proxy/forward/sim_world.h"
#include "proxy/h2/sim_h2_backend.h"
#include "proxy/h2/sim_h2_client.h"
#include "proxy/route/route.h"

namespace spawner::proxy {
namespace {

constexpr char kOk[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
constexpr char kTrace[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

struct RecordedLines final : AccessSink {
  std::vector<std::string> lines;
  bool is_full = false;

  bool Take(std::string text, int64_t count) override {
    if (is_full) return false;
    const std::vector<std::string> more = absl::StrSplit(text, '\n', absl::SkipEmpty());
    EXPECT_EQ(static_cast<int64_t>(more.size()), count);
    lines.insert(lines.end(), more.begin(), more.end());
    return true;
  }
};

class ObservationTest : public testing::Test {
 protected:
  explicit ObservationTest(const ForwardOptions& options = {}, double sample = 1)
      : world_(1, {}, nullptr, nullptr, options, nullptr, nullptr, &sink_, sample),
        backend_(world_.io, [this](SimPeer& peer) {
          seen_.append(peer.received);
          Answering(absl::StrContains(peer.received, "Upgrade") ? kSwitch : kOk)(peer);
        }) {
    address_ = backend_.Listen({"10.0.1.1", 8080});
  }
  static constexpr char kSwitch[] =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
  void Set(RouteState state) {
    world_.SetRoute({.session_id = "a",
                     .epoch = 7,
                     .state = state,
                     .ip = address_.ip,
                     .port = address_.port,
                     .reason = "IDLE",
                     .hold_timeout = absl::Seconds(30)});
    world_.Run(absl::Milliseconds(20));
  }
  SimPeer& Ask(absl::string_view fields, absl::string_view line = "GET /p?t=s3cret HTTP/1.1") {
    SimPeer& client = world_.NewClient();
    client.Send(absl::StrCat(line, "\r\nHost: a.test\r\n", fields, "\r\n"));
    world_.Run(absl::Milliseconds(50));
    return client;
  }
  std::string Lines() {
    world_.Run(absl::Milliseconds(250));
    return absl::StrJoin(sink_.lines, "\n");
  }

  RecordedLines sink_;
  SimWorld world_;
  std::string seen_;  // by the backend
  SimBackend backend_;
  Address address_;
};

TEST_F(ObservationTest, ALineTellsOfARequestAndNoSecret) {
  Set(RouteState::kOpen);
  Ask(absl::StrCat("Cookie: c=s3cret\r\nAuthorization: Bearer s3cret\r\ntraceparent: ", kTrace,
                   "\r\n"));
  const std::string lines = Lines();
  ASSERT_EQ(sink_.lines.size(), 1u) << lines;
  for (const char* part :
       {"\"session\":\"a\",\"epoch\":7,\"method\":\"GET\",\"host\":\"a.test\",\"path\":\"/p?t=*\"",
        "\"protocol\":\"HTTP/1.1\"", "\"status\":200", "\"bytes_in\":0,\"bytes_out\":2",
        "\"upstream_ms\":", "\"trace\":\"0af7651916cd43dd8448eb211c80319c\"", "\"client\":\""}) {
    EXPECT_TRUE(absl::StrContains(lines, part)) << part << lines;
  }
  EXPECT_FALSE(absl::StrContains(lines, "s3cret"));
  EXPECT_FALSE(absl::StrContains(lines, "held_ms"));
  EXPECT_TRUE(absl::StrContains(seen_, absl::StrCat("traceparent: ", kTrace)));
  EXPECT_EQ(world_.worker->counters().access_lines.value(), 1);
}

TEST_F(ObservationTest, AnswersOfOurOwnHaveTheirReason) {
  Set(RouteState::kEnded);
  Ask("");
  Ask("", "GET /\x01 HTTP/1.1");
  const std::string lines = Lines();
  EXPECT_TRUE(absl::StrContains(lines, "\"status\":410,\"reason\":\"SESSION_ENDED\"")) << lines;
  EXPECT_TRUE(absl::StrContains(lines, "\"status\":400,\"reason\":\"MALFORMED_REQUEST\"")) << lines;
  EXPECT_FALSE(absl::StrContains(lines, "upstream_ms"));
}

TEST_F(ObservationTest, AHeldRequestSaysHowLongItWaited) {
  Set(RouteState::kHold);
  SimPeer& client = Ask("");
  world_.Run(absl::Milliseconds(400));
  Set(RouteState::kOpen);
  world_.Run(absl::Milliseconds(50));
  EXPECT_TRUE(absl::StrContains(client.received, "Server-Timing: hold;dur=4")) << client.received;
  EXPECT_TRUE(absl::StrContains(client.received, ", backend;dur="));
  EXPECT_TRUE(absl::StrContains(Lines(), "\"held_ms\":4")) << Lines();
  // Others say nothing unless they are asked to.
  EXPECT_FALSE(absl::StrContains(Ask("").received, "Server-Timing"));
}

// Whatever becomes of a request: no secret is in its line.
TEST_F(ObservationTest, NeitherHeldNorRefusedNorEndedRequestsTellSecrets) {
  constexpr char kSecrets[] =
      "Cookie: c=s3cret; spawner=s3cret\r\nAuthorization: Bearer s3cret\r\n"
      "Sec-WebSocket-Protocol: spawner, s3cret\r\nReferer: http://a.test/?x=s3cret\r\n"
      "Origin: http://s3cret.test\r\ntraceparent: s3cret\r\n";
  const std::string upgrade =
      absl::StrCat(kSecrets, "Upgrade: websocket\r\nConnection: Upgrade\r\n");
  Ask(kSecrets, "GET /s/nobody/?spawner_token=s3cret HTTP/1.1");
  Set(RouteState::kHold);
  Ask(kSecrets);
  SimPeer& leaves = Ask(kSecrets);
  world_.Run(absl::Seconds(3));  // longer than kFinWithRequest
  leaves.Close();
  world_.Run(absl::Milliseconds(50));
  EXPECT_TRUE(absl::StrContains(Lines(), "\"status\":499")) << Lines();
  Set(RouteState::kEnded);
  Ask(upgrade);
  Set(RouteState::kOpen);
  Ask(upgrade).Close();
  Ask(absl::StrCat(kSecrets, "Host: b.test\r\n"));                               // 400
  Ask(absl::StrCat(kSecrets, "X: ", std::string(70'000, 's'), "\r\n"));          // 431
  Ask(kSecrets, absl::StrCat("GET /?", std::string(70'000, 's'), " HTTP/1.1"));  // 414
  world_.Run(absl::Seconds(31));
  for (auto& connection : backend_.connections) connection->Close();
  const std::string lines = Lines();
  EXPECT_GE(sink_.lines.size(), 7u) << lines;
  for (const char* part : {"\"status\":410", "\"status\":400", "\"status\":431", "held_ms"}) {
    EXPECT_TRUE(absl::StrContains(lines, part)) << part << lines;
  }
  EXPECT_FALSE(absl::StrContains(lines, "s3cret")) << lines;
  EXPECT_LT(lines.size(), sink_.lines.size() * 3 * kLoggedTextMax);
}

TEST_F(ObservationTest, StreamsOfHttp2AndBackendsThatSpeakItAreToldOfAlike) {
  h2::SimH2Backend h2_backend(world_.io, {"10.0.1.2", 50051});
  h2_backend.on_request = h2::Echoing("hello");
  h2::SimH2Client client(world_.io);
  client.Connect(world_.address);
  for (const BackendProtocol protocol : {BackendProtocol::kHttp1, BackendProtocol::kH2c}) {
    const bool is_h2c = protocol == BackendProtocol::kH2c;
    world_.SetRoute({.session_id = "a",
                     .epoch = is_h2c ? 8u : 7u,
                     .state = RouteState::kOpen,
                     .ip = is_h2c ? "10.0.1.2" : address_.ip,
                     .port = static_cast<uint16_t>(is_h2c ? 50051 : address_.port),
                     .protocol = protocol});
    world_.Run(absl::Milliseconds(20));
    const int32_t id = client.Request({{":method", "GET"},
                                       {":scheme", "http"},
                                       {":authority", "a.test"},
                                       {":path", "/p?t=s3cret"},
                                       {"cookie", "c=s3cret"},
                                       {"authorization", "Bearer s3cret"},
                                       {"traceparent", kTrace}});
    ASSERT_TRUE(world_.RunUntil([&] { return client.replies[id].is_over; }));
  }
  const std::string lines = Lines();
  ASSERT_EQ(sink_.lines.size(), 2u) << lines;
  for (const std::string& line : sink_.lines) {
    EXPECT_TRUE(
        absl::StrContains(line, "\"host\":\"a.test\",\"path\":\"/p?t=*\",\"protocol\":\"HTTP/2\""))
        << line;
    EXPECT_TRUE(absl::StrContains(line, "\"status\":200")) << line;
    EXPECT_TRUE(absl::StrContains(line, "\"trace\":\"0af7651916cd43dd8448eb211c80319c\"")) << line;
  }
  EXPECT_TRUE(absl::StrContains(sink_.lines[0], "\"epoch\":7")) << lines;
  EXPECT_TRUE(absl::StrContains(sink_.lines[1], "\"epoch\":8")) << lines;
  EXPECT_TRUE(absl::StrContains(sink_.lines[1], "\"bytes_out\":15")) << lines;  // as chunks
  EXPECT_TRUE(absl::StrContains(h2_backend.connections[0]->requests[1].head, kTrace));
  EXPECT_FALSE(absl::StrContains(lines, "s3cret"));
}

TEST_F(ObservationTest, ATunnelIsToldOfAtItsEnd) {
  Set(RouteState::kOpen);
  SimPeer& client = Ask("Upgrade: websocket\r\nConnection: Upgrade\r\n");
  ASSERT_TRUE(absl::StrContains(client.received, "101 Switching"));
  client.Send("\x81\x85....hello");
  EXPECT_EQ(Lines(), "");
  client.Close();
  world_.Run(absl::Milliseconds(50));
  for (auto& connection : backend_.connections) connection->Close();
  const std::string lines = Lines();
  EXPECT_TRUE(absl::StrContains(lines, "\"status\":101,\"bytes_in\":11,\"bytes_out\":0")) << lines;
  EXPECT_TRUE(absl::StrContains(lines, "\"session\":\"a\"")) << lines;
}

TEST_F(ObservationTest, WhatTheSinkDoesNotTakeIsCounted) {
  Set(RouteState::kOpen);
  sink_.is_full = true;
  Ask("");
  EXPECT_EQ(Lines(), "");
  EXPECT_EQ(world_.worker->counters().access_dropped.value(), 1);
  EXPECT_EQ(world_.worker->counters().access_lines.value(), 0);
}

TEST_F(ObservationTest, TheLastLinesComeWithTheWorkersEnd) {
  Set(RouteState::kOpen);
  Ask("");
  world_.clients.clear();
  world_.worker.reset();
  EXPECT_EQ(sink_.lines.size(), 1u);
}

class SampledTest : public ObservationTest {
 protected:
  SampledTest() : ObservationTest({}, 0.25) {}
};

TEST_F(SampledTest, AboutAsManyAsWantedAreLogged) {
  Set(RouteState::kOpen);
  SimPeer& client = Ask("");
  for (int i = 0; i < 400; ++i) {
    client.Send(SimWorld::Get("a"));
    world_.Run(absl::Milliseconds(5));
  }
  Lines();
  EXPECT_GT(sink_.lines.size(), 50u);
  EXPECT_LT(sink_.lines.size(), 160u);
}

class MakingTest : public ObservationTest {
 protected:
  MakingTest() : ObservationTest({.has_server_timing = true, .makes_traceparent = true}) {}
};

TEST_F(MakingTest, ATraceBeginsWhereTheClientHasNone) {
  Set(RouteState::kOpen);
  SimPeer& client = Ask("traceparent: nonsense\r\ntracestate: x=1\r\n");
  EXPECT_TRUE(absl::StrContains(client.received, "Server-Timing: backend;dur="));
  EXPECT_FALSE(absl::StrContains(seen_, "nonsense"));
  EXPECT_FALSE(absl::StrContains(seen_, "tracestate"));
  const size_t at = seen_.find("traceparent: 00-");
  ASSERT_NE(at, std::string::npos) << seen_;
  EXPECT_TRUE(absl::StrContains(Lines(), absl::StrCat("\"trace\":\"", seen_.substr(at + 16, 32))));
  seen_.clear();
  Ask(absl::StrCat("traceparent: ", kTrace, "\r\ntracestate: x=1\r\n"));
  EXPECT_TRUE(absl::StrContains(seen_, absl::StrCat("traceparent: ", kTrace)));
  EXPECT_TRUE(absl::StrContains(seen_, "tracestate: x=1"));
}

}  // namespace
}  // namespace spawner::proxy
