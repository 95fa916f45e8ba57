// Timeouts and limits, in virtual time.
#include "proxy/forward/limits.h"

#include <functional>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "proxy/forward/counters.h"
#include "proxy/forward/sim_world.h"
#include "proxy/io/limits.h"

namespace spawner::proxy {
namespace {

constexpr char kOk[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
constexpr absl::Duration kMoment = absl::Seconds(2);

class Limits : public testing::Test {
 protected:
  void Open(std::function<void(SimPeer&)> on_data, ForwardLimits limits = {}) {
    backend_.reset();
    world_ = std::make_unique<SimWorld>(1, SimIo::Options{}, nullptr, nullptr,
                                        ForwardOptions{.limits = limits});
    backend_ = std::make_unique<SimBackend>(world_->io, std::move(on_data));
    const Address address = backend_->Listen({"10.0.1.1", 8080});
    world_->SetRoute({.session_id = "a",
                      .epoch = 1,
                      .state = RouteState::kOpen,
                      .ip = address.ip,
                      .port = address.port});
    world_->Run(absl::Milliseconds(5));
  }
  const Counters& counters() const { return world_->worker->counters(); }
  int64_t TimedOut(ClientTimeout kind) const {
    return counters().client_timeouts[static_cast<size_t>(kind)].value();
  }
  int64_t BackendErrors(UpstreamError kind) const {
    return counters().upstream_errors[static_cast<size_t>(kind)].value();
  }
  // What is open is what is counted, and nothing is.
  void ExpectNothingOpen() {
    world_->Run(absl::Seconds(5));
    EXPECT_EQ(world_->reports.Last("a", 1).open, 0);
    EXPECT_EQ(counters().clients.value(), 0);
    EXPECT_EQ(counters().upstreams.value(), 0);
  }

  std::unique_ptr<SimWorld> world_;
  std::unique_ptr<SimBackend> backend_;
};

TEST_F(Limits, AHeadHasItsTimeFromItsFirstByteHoweverItDribbles) {
  Open(Answering(kOk));
  SimPeer& client = world_->NewClient();
  const std::string head = SimWorld::Get("a");
  for (int second = 0; second < 9; ++second) {
    client.Send(head.substr(static_cast<size_t>(second), 1));
    world_->Run(absl::Seconds(1));
  }
  EXPECT_EQ(client.received, "");
  world_->Run(kMoment);
  EXPECT_TRUE(absl::StartsWith(client.received, "HTTP/1.1 408 ")) << client.received;
  EXPECT_TRUE(absl::StrContains(client.received, "within 10s")) << client.received;
  EXPECT_EQ(TimedOut(ClientTimeout::kHead), 1);
  client.Close();
  ExpectNothingOpen();
}

TEST_F(Limits, ABodyThatStandsStillIsGivenUp) {
  Open([](SimPeer&) {});
  SimPeer& client = world_->NewClient();
  client.Send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\n");
  for (int i = 0; i < 5; ++i) {
    world_->Run(kBodyIdleTimeout - absl::Seconds(1));
    EXPECT_EQ(client.received, "") << i;
    client.Send("x");
  }
  world_->Run(kBodyIdleTimeout + kMoment);
  EXPECT_TRUE(absl::StartsWith(client.received, "HTTP/1.1 408 ")) << client.received;
  EXPECT_EQ(TimedOut(ClientTimeout::kBody), 1);
  client.Close();
  ExpectNothingOpen();
}

TEST_F(Limits, OnceItsBodyIsThereARequestMayWaitForEver) {
  Open([](SimPeer&) {});
  SimPeer& client = world_->NewClient();
  client.Send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\n01234");
  world_->Run(kMoment);
  client.Send("56789");
  world_->Run(absl::Hours(3));
  EXPECT_EQ(client.received, "");
  backend_->connections[0]->Send(kOk);
  world_->Run(kMoment);
  EXPECT_TRUE(absl::EndsWith(client.received, "ok"));
}

TEST_F(Limits, ABackendThatNeverReadsIsGivenUpAndNoMoreIsTakenThanItsBuffers) {
  Open([](SimPeer&) {});
  SimPeer& client = world_->NewClient();
  backend_->reads = false;
  client.Send(absl::StrCat("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4000000\r\n\r\n",
                           std::string(4'000'000, 'x')));
  world_->Run(kMoment);
  EXPECT_GT(client.unsent(), 4'000'000 - 3 * 64 * 1024 - kScratchBytes);
  world_->Run(kBodyIdleTimeout + kMoment);
  EXPECT_EQ(counters().requests[504].value(), 1);
  EXPECT_EQ(BackendErrors(UpstreamError::kBodyTimeout), 1);
  client.Close();
  ExpectNothingOpen();
}

TEST_F(Limits, AClientThatNeverReadsIsGivenUp) {
  const std::string body(1'000'000, 'x');
  Open(Answering(
      absl::StrCat("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nf4240\r\n", body)));
  SimPeer& client = world_->NewClient();
  client.StopReading();
  client.Send(SimWorld::Get("a"));
  world_->Run(kBodyIdleTimeout - kMoment);
  EXPECT_EQ(counters().clients.value(), 1);
  world_->Run(2 * kMoment);
  EXPECT_EQ(TimedOut(ClientTimeout::kAnswer), 1);
  ExpectNothingOpen();
}

// The whole answer was taken from the backend, a part of it not by the client.
TEST_F(Limits, AClientThatReadsTheBeginningOnlyIsGivenUpToo) {
  const std::string body(150'000, 'x');
  Open(Answering(
      absl::StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", body.size(), "\r\n\r\n", body)));
  SimPeer& client = world_->NewClient();
  client.StopReading();
  client.Send(SimWorld::Get("a"));
  world_->Run(kMoment);
  EXPECT_EQ(backend_->connections[0]->unsent(), 0u);
  world_->Run(kBodyIdleTimeout + kMoment);
  EXPECT_EQ(TimedOut(ClientTimeout::kAnswer), 1);
  world_->Run(kMoment);
  ExpectNothingOpen();
}

TEST_F(Limits, AResponseOfKnownLengthThatStandsStillIsCutOff) {
  Open(Answering("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"));
  SimPeer& client = world_->NewClient();
  client.Send(SimWorld::Get("a"));
  world_->Run(kBodyIdleTimeout - kMoment);
  EXPECT_FALSE(client.has_failed());
  world_->Run(2 * kMoment);
  EXPECT_TRUE(client.has_failed());
  EXPECT_EQ(BackendErrors(UpstreamError::kBodyTimeout), 1);
  ExpectNothingOpen();
}

// Streams of events, dialogues, tunnels: none on them, whatever the time.
TEST_F(Limits, StreamsAndUpgradesMayBeSilentForADay) {
  Open(Answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"));
  SimPeer& events = world_->NewClient();
  events.Send(SimWorld::Get("a"));
  SimPeer& dialogue = world_->NewClient();
  dialogue.Send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
  world_->Run(absl::Hours(24));
  EXPECT_FALSE(events.has_failed() || events.has_ended());
  EXPECT_FALSE(dialogue.has_failed() || dialogue.has_ended());
  EXPECT_EQ(world_->reports.Last("a", 1).open, 2);

  Open(Answering(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"));
  SimPeer& socket = world_->NewClient();
  socket.Send(
      "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
  world_->Run(absl::Hours(24));
  EXPECT_FALSE(socket.has_failed() || socket.has_ended());
  EXPECT_EQ(counters().tunnels.value(), 1);
}

TEST_F(Limits, FlagsChangeThemAll) {
  Open(Answering(kOk), {.head_timeout = absl::Seconds(1),
                        .client_idle_timeout = absl::Seconds(3),
                        .head_bytes_max = 8 * 1024,
                        .fields_max = 16});
  SimPeer& dribbling = world_->NewClient();
  dribbling.Send("GET /");
  SimPeer& idle = world_->NewClient();
  idle.Send(SimWorld::Get("a"));
  SimPeer& large = world_->NewClient();
  large.Send(absl::StrCat("GET / HTTP/1.1\r\nHost: a.test\r\nX: ", std::string(9'000, 'x')));
  SimPeer& many = world_->NewClient();
  std::string fields;
  for (int i = 0; i < 16; ++i) absl::StrAppend(&fields, "X: y\r\n");
  many.Send(absl::StrCat("GET / HTTP/1.1\r\nHost: a.test\r\n", fields, "\r\n"));
  world_->Run(absl::Milliseconds(1500));
  EXPECT_TRUE(absl::StartsWith(dribbling.received, "HTTP/1.1 408 "));
  EXPECT_TRUE(absl::StartsWith(large.received, "HTTP/1.1 431 "));
  EXPECT_TRUE(absl::StrContains(large.received, "a header larger than 8 KiB")) << large.received;
  EXPECT_TRUE(absl::StartsWith(many.received, "HTTP/1.1 431 "));
  EXPECT_TRUE(absl::EndsWith(idle.received, "ok"));
  world_->Run(absl::Seconds(1));
  EXPECT_FALSE(idle.has_ended());
  world_->Run(absl::Seconds(2));
  EXPECT_TRUE(idle.has_ended());
}

}  // namespace
}  // namespace spawner::proxy
