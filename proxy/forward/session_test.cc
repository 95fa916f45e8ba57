// Holds, gates, ends and counts, through a worker in a simulated network.
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "gtest/gtest.h"
#include "proxy/forward/limits.h"
#include "proxy/forward/sim_world.h"

namespace spawner::proxy {
namespace {

constexpr char kOk[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
constexpr char kSwitch[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
constexpr char kUpgrade[] =
    "GET /ws HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

class SessionTest : public testing::Test {
 protected:
  SessionTest() : backend_(world_.io, Answering(kOk)) {
    address_ = backend_.Listen({"10.0.1.1", 8080});
  }
  void Set(RouteState state, uint64_t epoch = 1) {
    world_.SetRoute({.session_id = "a",
                     .epoch = epoch,
                     .state = state,
                     .ip = address_.ip,
                     .port = address_.port,
                     .reason = "IDLE",
                     .phase = "PULLING",
                     .hold_timeout = absl::Seconds(30)});
    world_.Run(absl::Milliseconds(20));
  }
  SimPeer& Ask(absl::string_view id = "a") {
    SimPeer& client = world_.NewClient();
    client.Send(SimWorld::Get(id));
    world_.Run(absl::Milliseconds(20));
    return client;
  }
  SimPeer& OpenTunnel() {
    backend_.StopListening();
    backend_.connections.clear();
    tunnel_backend_ = std::make_unique<SimBackend>(world_.io, [](SimPeer& peer) {
      peer.received.clear();
      peer.on_data = nullptr;
      peer.Send(kSwitch);
    });
    tunnel_backend_->Listen(address_);
    SimPeer& client = world_.NewClient();
    client.Send(kUpgrade);
    EXPECT_TRUE(Received(client, "101 Switching Protocols"));
    world_.Run(absl::Milliseconds(20));
    client.received.clear();
    return client;
  }
  SimPeer& TunnelBackend() { return *tunnel_backend_->connections.back(); }
  bool Received(const SimPeer& peer, absl::string_view what) {
    return world_.RunUntil([&peer, what] { return absl::StrContains(peer.received, what); });
  }
  GateCount LastGate() {
    return world_.reports.acks.back().gates.empty() ? GateCount{}
                                                    : world_.reports.acks.back().gates[0];
  }
  SessionTotals Usage(uint64_t epoch = 1) { return world_.reports.Last("a", epoch); }

  SimWorld world_;
  SimBackend backend_;
  std::unique_ptr<SimBackend> tunnel_backend_;
  Address address_;
};

TEST_F(SessionTest, HoldsUntilTheRouteOpens) {
  Set(RouteState::kHold);
  SimPeer& client = Ask();
  EXPECT_EQ(Usage().open, 1);
  EXPECT_EQ(Usage().held, 1);
  EXPECT_TRUE(backend_.connections.empty());
  world_.Run(absl::Seconds(20));
  EXPECT_EQ(client.received, "");
  Set(RouteState::kOpen);
  ASSERT_TRUE(Received(client, "ok"));
  world_.Run(absl::Milliseconds(20));
  EXPECT_EQ(Usage().open, 0);
  EXPECT_EQ(Usage().held, 0);
  EXPECT_EQ(Usage().opened_total, 1u);
}

TEST_F(SessionTest, TotalsBeginAnewWithTheNextIncarnation) {
  Set(RouteState::kOpen);
  ASSERT_TRUE(Received(Ask(), "ok"));
  Set(RouteState::kEnded);
  Set(RouteState::kHold, 2);
  world_.Run(absl::Seconds(2));
  EXPECT_EQ(Usage(1).opened_total, 1u);
  EXPECT_EQ(Usage(2).opened_total, 0u);
  EXPECT_EQ(Usage(2).bytes_total, 0u);
  Ask();
  EXPECT_EQ(Usage(2).opened_total, 1u);
  Set(RouteState::kHold, 3);  // what is held goes along
  world_.Run(absl::Seconds(2));
  EXPECT_EQ(Usage(3).opened_total, 1u);
  EXPECT_EQ(Usage(3).open, 1);
}

TEST_F(SessionTest, AHeldBodyStaysWithTheClientUntilTheRouteOpens) {
  Set(RouteState::kHold);
  SimPeer& client = world_.NewClient();
  const std::string body(500'000, 'x');
  client.Send(absl::StrCat("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ", body.size(),
                           "\r\n\r\n", body));
  world_.Run(absl::Seconds(5));
  EXPECT_GT(client.unsent(), body.size() - 3 * 64 * 1024);
  backend_.connections.clear();
  Set(RouteState::kOpen);
  ASSERT_TRUE(
      world_.RunUntil([&] { return !backend_.connections.empty() && client.unsent() == 0; }));
}

TEST_F(SessionTest, TheGateCountsWhatIsOpenAndLetsNewRequestsWait) {
  Set(RouteState::kOpen);
  SimPeer& tunnel = OpenTunnel();
  Set(RouteState::kGated);
  EXPECT_EQ(LastGate(), (GateCount{"a", 1, 2, 1, 0}));
  // Comes behind the gate: waits, does not count as open, and does not make anything busy.
  SimPeer& late = Ask();
  EXPECT_EQ(Usage().open, 1);
  tunnel.Close();
  world_.Run(absl::Milliseconds(50));
  TunnelBackend().Close();
  world_.Run(absl::Milliseconds(50));
  EXPECT_EQ(Usage().open, 0);
  Set(RouteState::kGated);
  EXPECT_EQ(LastGate(), (GateCount{"a", 1, 3, 0, 1}));
  EXPECT_EQ(late.received, "");
  tunnel_backend_ = std::make_unique<SimBackend>(world_.io, Answering(kOk));
  tunnel_backend_->Listen(address_);
  Set(RouteState::kOpen);
  EXPECT_TRUE(Received(late, "ok"));
}

TEST_F(SessionTest, AckIsGivenForAGateOfASessionNobodyAskedFor) {
  Set(RouteState::kGated);
  EXPECT_EQ(LastGate(), (GateCount{"a", 1, 1, 0, 0}));
}

TEST_F(SessionTest, HeldBeforeTheGateCountsAsOpen) {
  Set(RouteState::kHold);
  Ask();
  Set(RouteState::kGated);
  EXPECT_EQ(LastGate(), (GateCount{"a", 1, 2, 1, 0}));
}

TEST_F(SessionTest, TheEndAnswersWhatWaitsAndSaysWhy) {
  Set(RouteState::kHold);
  SimPeer& held = Ask();
  Set(RouteState::kGated);
  SimPeer& waiting = Ask();
  Set(RouteState::kEnded);
  for (SimPeer* client : {&held, &waiting}) {
    EXPECT_TRUE(absl::StartsWith(client->received, "HTTP/1.1 410 "));
    EXPECT_TRUE(absl::StrContains(client->received, "Spawner-Reason: IDLE\r\n"));
  }
  EXPECT_TRUE(absl::StartsWith(Ask().received, "HTTP/1.1 410 "));
  world_.Run(absl::Seconds(2));
  EXPECT_EQ(Usage().open, 0);
}

// The key may run anew under another leader, whose route has not come yet.
TEST_F(SessionTest, AnEndThatMayBeOldIsNotCalledTheEnd) {
  Set(RouteState::kEnded);
  world_.SetLink(false);
  SimPeer& early = Ask();
  EXPECT_TRUE(absl::StartsWith(early.received, "HTTP/1.1 503 ")) << early.received;
  EXPECT_TRUE(absl::StrContains(early.received, "Retry-After: "));
  world_.SetLink(true);
  EXPECT_TRUE(absl::StartsWith(Ask().received, "HTTP/1.1 410 "));
}

TEST_F(SessionTest, WhatWaitsGoesOnToTheNextIncarnation) {
  Set(RouteState::kGated);
  SimPeer& waiting = Ask();
  Set(RouteState::kHold, 2);
  EXPECT_EQ(Usage(2).open, 1);
  EXPECT_EQ(Usage(2).held, 1);
  EXPECT_EQ(Usage(1).open, 0);
  Set(RouteState::kOpen, 2);
  EXPECT_TRUE(Received(waiting, "ok"));
}

TEST_F(SessionTest, ALowerEpochIsRefused) {
  Set(RouteState::kOpen, 2);
  Set(RouteState::kEnded, 1);
  EXPECT_TRUE(Received(Ask(), "ok"));
}

TEST_F(SessionTest, ANewIncarnationFencesTheTunnelsOfTheOld) {
  Set(RouteState::kOpen);
  SimPeer& tunnel = OpenTunnel();
  Set(RouteState::kHold, 2);
  ASSERT_TRUE(world_.RunUntil([&] { return tunnel.has_ended(); }));
  EXPECT_EQ(tunnel.received, std::string("\x88\x02\x0f\xa4", 4));  // 4004
  world_.Run(absl::Seconds(2));
  EXPECT_EQ(Usage(1).open, 0);
  EXPECT_EQ(Usage(2).open, 0);
}

TEST_F(SessionTest, ARouteThatIsRemovedEndsWhatIsOpenAndReportsIt) {
  Set(RouteState::kOpen);
  SimPeer& tunnel = OpenTunnel();
  EXPECT_EQ(Usage().open, 1);
  world_.worker->Post(RouteChange{.version = {1, ++world_.version}, .removed = {"a"}});
  ASSERT_TRUE(world_.RunUntil([&] { return tunnel.has_ended(); }));
  EXPECT_EQ(tunnel.received, std::string("\x88\x02\x03\xe9", 4));  // 1001
  world_.Run(absl::Milliseconds(20));
  EXPECT_EQ(Usage().open, 0);
}

TEST_F(SessionTest, ARequestOfTheOldIncarnationMayBeSentAgain) {
  backend_.StopListening();
  SimBackend silent(world_.io, [](SimPeer&) {});
  silent.Listen(address_);
  Set(RouteState::kOpen);
  SimPeer& client = Ask();
  Set(RouteState::kHold, 2);
  EXPECT_TRUE(Received(client, "HTTP/1.1 503 "));
  EXPECT_TRUE(absl::StrContains(client.received, "Retry-After: "));
}

TEST_F(SessionTest, TheEndClosesATunnelBetweenTwoFrames) {
  Set(RouteState::kOpen);
  SimPeer& tunnel = OpenTunnel();
  const std::string frame = std::string("\x81\x05", 2) + "hello";
  TunnelBackend().Send(frame + frame.substr(0, 4));
  world_.Run(absl::Milliseconds(20));
  Set(RouteState::kEnded);
  EXPECT_EQ(tunnel.received, frame + frame.substr(0, 4));
  TunnelBackend().Send(frame.substr(4) + frame);
  ASSERT_TRUE(world_.RunUntil([&] { return tunnel.has_ended(); }, absl::Milliseconds(200)));
  EXPECT_EQ(tunnel.received, frame + frame + std::string("\x88\x02\x03\xe9", 4));  // 1001
  world_.Run(absl::Milliseconds(50));
  EXPECT_EQ(Usage().open, 0);
}

TEST_F(SessionTest, TheEndDoesNotWaitForAFrameThatNeverEnds) {
  Set(RouteState::kOpen);
  SimPeer& tunnel = OpenTunnel();
  TunnelBackend().Send(std::string("\x81\x05h", 3));
  world_.Run(absl::Milliseconds(20));
  Set(RouteState::kEnded);
  EXPECT_TRUE(world_.RunUntil([&] { return tunnel.has_failed() || tunnel.has_ended(); },
                              absl::Milliseconds(300)));
}

TEST_F(SessionTest, EachSideOfATunnelFinishesAlone) {
  Set(RouteState::kOpen);
  SimPeer& tunnel = OpenTunnel();
  tunnel.Send("last words");
  tunnel.Finish();
  ASSERT_TRUE(world_.RunUntil([&] { return TunnelBackend().has_ended(); }));
  EXPECT_EQ(TunnelBackend().received, "last words");
  world_.Run(absl::Seconds(2));
  TunnelBackend().Send("answer");
  ASSERT_TRUE(Received(tunnel, "answer"));
  EXPECT_EQ(Usage().open, 1);
  TunnelBackend().Finish();
  ASSERT_TRUE(world_.RunUntil([&] { return tunnel.has_ended(); }));
  world_.Run(absl::Milliseconds(50));
  EXPECT_EQ(Usage().open, 0);
}

TEST_F(SessionTest, AsksForUnknownIdsAndTakesTheAnswer) {
  SimPeer& client = Ask("b");
  ASSERT_EQ(world_.reports.unknown, std::vector<std::string>{"b"});
  EXPECT_EQ(client.received, "");
  world_.worker->Post(RouteChange{.unknown = {"b"}});
  ASSERT_TRUE(Received(client, "HTTP/1.1 404 "));
  // Believed for a second: not asked again.
  EXPECT_TRUE(absl::StartsWith(Ask("b").received, "HTTP/1.1 404 "));
  EXPECT_EQ(world_.reports.unknown.size(), 1u);

  SimPeer& early = Ask("a");
  Set(RouteState::kHold);
  EXPECT_EQ(Usage().held, 1);
  Set(RouteState::kOpen);
  EXPECT_TRUE(Received(early, "ok"));
}

TEST_F(SessionTest, UnknownWithTheLinkDownIsNoNotFound) {
  world_.SetLink(false);
  SimPeer& client = Ask("b");
  EXPECT_TRUE(absl::StartsWith(client.received, "HTTP/1.1 503 "));
  EXPECT_TRUE(absl::StrContains(client.received, "Retry-After: "));
}

TEST_F(SessionTest, HoldsNoLongerThanTheRouteSays) {
  Set(RouteState::kHold);
  SimPeer& client = Ask();
  world_.Run(absl::Seconds(31));
  EXPECT_TRUE(absl::StartsWith(client.received, "HTTP/1.1 504 "));
  EXPECT_TRUE(absl::StrContains(client.received, "pulling"));
  EXPECT_EQ(Usage().open, 0);
}

TEST_F(SessionTest, AClientThatLeavesWhileHeldIsNoUse) {
  Set(RouteState::kHold);
  SimPeer& client = Ask();
  world_.Run(absl::Seconds(1));
  client.Close();
  world_.Run(absl::Milliseconds(20));
  EXPECT_EQ(Usage().open, 0);
}

TEST_F(SessionTest, TooManyWaitingAreRefused) {
  Set(RouteState::kHold);
  for (size_t i = 0; i < 256; ++i) Ask();
  SimPeer& client = Ask();
  EXPECT_TRUE(absl::StartsWith(client.received, "HTTP/1.1 503 "));
}

TEST_F(SessionTest, AYoungBackendThatRefusesIsTriedAgain) {
  backend_.StopListening();
  Set(RouteState::kOpen);
  SimPeer& client = Ask();
  world_.Run(absl::Milliseconds(500));
  EXPECT_EQ(client.received, "");
  backend_.Listen(address_);
  EXPECT_TRUE(Received(client, "ok"));
  // An old one is not.
  backend_.StopListening();
  backend_.connections.clear();
  world_.Run(absl::Seconds(10));
  EXPECT_TRUE(absl::StartsWith(Ask().received, "HTTP/1.1 502 "));
}

// Goal: the last end falls into the pause after another report. Method: two sessions end within the
// network's delay, 2 ms, which is less than kUsageGapMin.
TEST_F(SessionTest, TheLastCountsAreReportedBeforeTheWorkerIsDrained) {
  Set(RouteState::kOpen);
  SimPeer& tunnel = OpenTunnel();
  world_.SetRoute({.session_id = "b",
                   .epoch = 1,
                   .state = RouteState::kOpen,
                   .ip = address_.ip,
                   .port = address_.port});
  SimPeer& other = world_.NewClient();
  other.Send(absl::StrReplaceAll(kUpgrade, {{"a.test", "b.test"}}));
  ASSERT_TRUE(Received(other, "101 Switching Protocols"));
  world_.worker->Drain(absl::Seconds(5));
  world_.Run(absl::Milliseconds(50));
  int64_t open_when_drained = -1;
  world_.reports.on_drained = [this, &open_when_drained] {
    open_when_drained = Usage().open + world_.reports.Last("b", 1).open;
  };
  EXPECT_EQ(Usage().open + world_.reports.Last("b", 1).open, 2);
  tunnel.Abort();
  other.Abort();
  world_.Run(absl::Seconds(3));
  EXPECT_EQ(open_when_drained, 0);
}

// Goal: what is urgent goes with whatever happens next; if nothing does, kUsageSlack later.
TEST(UsageSlack, AReportGoesWithTheNextEventOrALittleLater) {
  for (const bool has_event : {false, true}) {
    SimWorld world(1, {.delay_max = absl::ZeroDuration()});
    SimBackend backend(world.io, Answering(kOk));
    const Address address = backend.Listen({"10.0.1.1", 8080});
    world.SetRoute({.session_id = "a",
                    .epoch = 1,
                    .state = RouteState::kOpen,
                    .ip = address.ip,
                    .port = address.port});
    SimPeer& client = world.NewClient();
    client.Send("GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\r\n");
    const auto open = [&world] { return world.reports.Last("a", 1).open; };
    ASSERT_TRUE(world.RunUntil([&open] { return open() == 1; }));
    const Instant reported_at = world.clock.Now();
    client.Send("x");
    const absl::Duration event_at = kUsageGapMin + kUsageSlack / 2;
    world.Run(kUsageGapMin - absl::Milliseconds(1));
    EXPECT_TRUE(absl::EndsWith(client.received, "ok"));
    EXPECT_EQ(open(), 1);
    if (has_event) world.Run(event_at - kUsageGapMin + absl::Milliseconds(1));  // ends with a turn
    ASSERT_TRUE(world.RunUntil([&open] { return open() == 0; }));
    EXPECT_EQ(world.clock.Now() - reported_at, has_event ? event_at : kUsageGapMin + kUsageSlack);
  }
}

TEST_F(SessionTest, DrainLetsWhatRunsFinishThenClosesTunnelsWith1012) {
  Set(RouteState::kOpen);
  SimPeer& idle = Ask();
  ASSERT_TRUE(Received(idle, "ok"));
  SimPeer& tunnel = OpenTunnel();
  world_.worker->Drain(absl::Seconds(5));
  world_.Run(absl::Seconds(1));
  EXPECT_TRUE(idle.has_ended());
  idle.Close();
  EXPECT_FALSE(tunnel.has_ended());
  EXPECT_TRUE(Ask().has_failed());
  EXPECT_FALSE(world_.reports.is_drained);
  world_.Run(absl::Seconds(5));
  EXPECT_EQ(tunnel.received, std::string("\x88\x02\x03\xf4", 4));  // 1012
  tunnel.Close();
  world_.Run(absl::Seconds(3));
  EXPECT_TRUE(world_.reports.is_drained);
  EXPECT_EQ(Usage().open, 0);
}

}  // namespace
}  // namespace spawner::proxy
