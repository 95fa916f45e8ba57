// Paths that are no use of a session (IdlePolicy.ignore_paths), and warnings of an end.
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "proxy/forward/sim_world.h"

namespace spawner::proxy {
namespace {

constexpr char kOk[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
constexpr char kSwitch[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

std::string Upgrade(absl::string_view path) {
  return absl::StrCat("GET ", path,
                      " HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\n"
                      "Connection: Upgrade\r\n\r\n");
}

// A WebSocket close frame with `code`.
std::string CloseFrame(uint16_t code) {
  return {'\x88', 2, static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
}

class IgnoredUseTest : public testing::Test {
 protected:
  IgnoredUseTest()
      : backend_(world_.io, [this](SimPeer& peer) {
          if (!absl::EndsWith(peer.received, "\r\n\r\n")) return;
          const bool is_upgrade = absl::StrContains(peer.received, "/ws");
          peer.received.clear();
          if (is_upgrade) peer.on_data = nullptr;
          if (answers_) peer.Send(is_upgrade ? kSwitch : answer_);
        }) {
    address_ = backend_.Listen({"10.0.1.1", 8080});
    route_ = {.session_id = "a",
              .epoch = 1,
              .ip = address_.ip,
              .port = address_.port,
              .reason = "IDLE",
              .hold_timeout = absl::Seconds(30),
              .ignore_paths = {"/healthz", "/ws/poll*"}};
  }
  void Set(RouteState state) {
    route_.state = state;
    world_.SetRoute(route_);
    world_.Run(absl::Milliseconds(20));
  }
  SimPeer& Ask(absl::string_view path) {
    SimPeer& client = world_.NewClient();
    client.Send(SimWorld::Get("a", path));
    world_.Run(absl::Seconds(2));
    return client;
  }
  SimPeer& Open(absl::string_view path) {
    SimPeer& client = world_.NewClient();
    client.Send(Upgrade(path));
    world_.Run(absl::Seconds(2));
    EXPECT_TRUE(absl::StrContains(client.received, "101 Switching")) << client.received;
    client.received.clear();
    return client;
  }
  SessionTotals Usage() { return world_.reports.Last("a", 1); }

  SimWorld world_;
  bool answers_ = true;
  std::string answer_ = kOk;
  SimBackend backend_;
  Address address_;
  Route route_;
};

TEST_F(IgnoredUseTest, ARequestOnAnIgnoredPathIsServedAndNotCounted) {
  Set(RouteState::kOpen);
  EXPECT_TRUE(absl::StrContains(Ask("/healthz?x").received, "200 OK"));
  EXPECT_EQ(Usage().opened_total, 0u);
  EXPECT_EQ(Usage().bytes_total, 0u);
  EXPECT_TRUE(absl::StrContains(Ask("/").received, "200 OK"));
  EXPECT_EQ(Usage().opened_total, 1u);
}

TEST_F(IgnoredUseTest, AnOpenOneCountsForNothingAndTheGateDoesNotSeeIt) {
  Set(RouteState::kOpen);
  answers_ = false;
  Ask("/healthz");
  Set(RouteState::kGated);
  ASSERT_FALSE(world_.reports.acks.back().gates.empty());
  EXPECT_EQ(world_.reports.acks.back().gates[0], (GateCount{"a", 1, 2, 0, 0}));
}

TEST_F(IgnoredUseTest, BehindTheGateItWaitsUncountedAndEndsWithTheSession) {
  Set(RouteState::kGated);
  SimPeer& client = Ask("/healthz");
  EXPECT_EQ(Usage().open, 0);
  EXPECT_EQ(client.received, "");
  Set(RouteState::kEnded);
  EXPECT_TRUE(absl::StrContains(client.received, "410 Gone")) << client.received;
}

TEST_F(IgnoredUseTest, HeldWhileItStartsItIsServedUncounted) {
  Set(RouteState::kHold);
  SimPeer& client = Ask("/healthz");
  EXPECT_EQ(Usage().open, 0);
  EXPECT_EQ(Usage().held, 0);
  Set(RouteState::kOpen);
  world_.Run(absl::Seconds(2));
  EXPECT_TRUE(absl::StrContains(client.received, "200 OK")) << client.received;
  EXPECT_EQ(Usage().opened_total, 0u);
}

TEST_F(IgnoredUseTest, WhatWaitedForItsRouteIsCountedNoMore) {
  SimPeer& client = Ask("/healthz");  // the controller is asked
  Set(RouteState::kHold);
  world_.Run(absl::Seconds(2));
  EXPECT_EQ(Usage().open, 0);
  EXPECT_EQ(Usage().opened_total, 0u);
  Set(RouteState::kOpen);
  world_.Run(absl::Seconds(2));
  EXPECT_TRUE(absl::StrContains(client.received, "200 OK")) << client.received;
  EXPECT_EQ(Usage().opened_total, 0u);
}

TEST_F(IgnoredUseTest, WhatWaitedForItsRouteDoesNotWaitBehindItsGate) {
  Ask("/healthz");
  Ask("/");
  Set(RouteState::kGated);
  ASSERT_FALSE(world_.reports.acks.back().gates.empty());
  EXPECT_EQ(world_.reports.acks.back().gates[0], (GateCount{"a", 1, 1, 0, 1}));
}

TEST_F(IgnoredUseTest, ItsWebSocketIsClosedWith4001AtTheIdleEnd) {
  Set(RouteState::kOpen);
  SimPeer& ignored = Open("/ws/poll");
  SimPeer& used = Open("/ws/doc");
  EXPECT_EQ(Usage().open, 1);
  ignored.Send("bytes that are no use");
  world_.Run(absl::Seconds(2));
  EXPECT_EQ(Usage().bytes_total, 0u);
  Set(RouteState::kEnded);
  world_.Run(absl::Seconds(2));
  EXPECT_EQ(ignored.received, CloseFrame(4001));
  EXPECT_EQ(used.received, CloseFrame(1001));
  EXPECT_EQ(Usage().open, 0);
}

TEST_F(IgnoredUseTest, ABusyBackendIsHeardAndItsVisitorsAreNotTold) {
  answer_ = "HTTP/1.1 200 OK\r\nSpawner-Busy: 600; a long export\r\nContent-Length: 2\r\n\r\nok";
  Set(RouteState::kOpen);
  const std::string received = Ask("/healthz").received;
  EXPECT_TRUE(absl::StrContains(received, "200 OK")) << received;
  EXPECT_FALSE(absl::StrContains(received, "Busy")) << received;
  ASSERT_EQ(world_.reports.busy.size(), 1u);
  EXPECT_EQ(world_.reports.busy[0].session_id, "a");
  EXPECT_EQ(world_.reports.busy[0].epoch, 1u);
  EXPECT_EQ(world_.reports.busy[0].ttl, absl::Seconds(600));
  EXPECT_EQ(world_.reports.busy[0].reason, "a long export");
  EXPECT_EQ(Usage().opened_total, 0u);
}

TEST_F(IgnoredUseTest, TheEndOfALifetimeIsToldInEveryResponse) {
  route_.ends_at = 1'796'068'800;
  Set(RouteState::kOpen);
  const std::string received = Ask("/").received;
  EXPECT_TRUE(absl::StrContains(received, "Spawner-Ends-At: 2026-11-30T20:00:00+00:00\r\n"))
      << received;
  EXPECT_TRUE(absl::StrContains(received, "Spawner-Reason: MAX_LIFETIME\r\n")) << received;
  route_.ends_at = 0;
  Set(RouteState::kOpen);
  EXPECT_FALSE(absl::StrContains(Ask("/").received, "Spawner-Ends-At"));
}

TEST_F(IgnoredUseTest, AnIdleEndIsToldOnlyWhereTheRequestDoesNotPutItOff) {
  route_.ends_at = 1'796'068'800;
  route_.ends_as_idle = true;
  Set(RouteState::kOpen);
  EXPECT_FALSE(absl::StrContains(Ask("/").received, "Spawner-Ends-At"));
  EXPECT_TRUE(absl::StrContains(Ask("/healthz").received, "Spawner-Ends-At"));
}

}  // namespace
}  // namespace spawner::proxy
