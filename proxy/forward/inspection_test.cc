// What a worker tells of what it has in use, and that it never tells more than limits.h says.
#include "proxy/forward/inspection.h"

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/address.h"
#include "gtest/gtest.h"
#include "proxy/forward/limits.h"
#include "proxy/forward/sim_world.h"
#include "proxy/route/route.h"

namespace spawner::proxy {
namespace {

constexpr char kSwitch[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

class InspectionTest : public testing::Test {
 protected:
  InspectionTest()
      : world_(1, {.backlog = 4 * kInspectedMax}), backend_(world_.io, [](SimPeer& peer) {
          if (absl::StrContains(peer.received, "GET /ws ")) peer.Send(kSwitch);
        }) {
    address_ = backend_.Listen({"10.0.1.1", 8080});
    Set("a", RouteState::kOpen);
    Set("b", RouteState::kHold);
  }
  void Set(const char* id, RouteState state) {
    world_.SetRoute({.session_id = id,
                     .epoch = 3,
                     .state = state,
                     .ip = address_.ip,
                     .port = address_.port,
                     .hold_timeout = absl::Minutes(1)});
  }
  void Ask(size_t count, absl::string_view id) {
    for (size_t i = 0; i < count; ++i) world_.NewClient().Send(SimWorld::Get(id));
    world_.Run(absl::Milliseconds(50));
  }
  Inspection Inspect(std::string session = "") {
    Inspection found;
    int replies = 0;
    world_.worker->Inspect({.session = std::move(session), .reply = [&](Inspection inspection) {
                              found = std::move(inspection);
                              ++replies;
                            }});
    world_.Run(absl::Milliseconds(5));
    EXPECT_EQ(replies, 1);
    return found;
  }

  SimWorld world_;
  SimBackend backend_;
  Address address_;
};

TEST_F(InspectionTest, TellsOfRequestsAndTunnelsWithTheirPhases) {
  Ask(1, "a");
  Ask(1, "b");
  world_.NewClient().Send(
      "GET /ws HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
  world_.Run(absl::Seconds(2));
  const Inspection all = Inspect();
  ASSERT_EQ(all.connections.size(), 3u);
  EXPECT_EQ(all.clients, 3);
  EXPECT_EQ(all.tunnels, 1);
  EXPECT_EQ(all.held, 1);
  EXPECT_EQ(all.routes, 2u);
  std::string told;
  for (const ConnectionView& view : all.connections) {
    EXPECT_EQ(view.epoch, 3u);
    EXPECT_GE(view.age, absl::Seconds(1));
    absl::StrAppend(&told, view.session, " ", view.kind, " ", view.phase, "; ");
  }
  EXPECT_EQ(told, "a request awaiting; a websocket open; b request held; ");
  const Inspection one = Inspect("b");
  ASSERT_EQ(one.connections.size(), 1u);
  EXPECT_EQ(one.connections[0].session, "b");
  EXPECT_TRUE(Inspect("none").connections.empty());
}

TEST_F(InspectionTest, TellsBytesAndSilence) {
  SimPeer& socket = world_.NewClient();
  socket.Send(
      "GET /ws HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
  world_.Run(absl::Seconds(1));
  SimPeer& upload = world_.NewClient();
  upload.Send("POST /up HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\n0123456789");
  world_.Run(absl::Seconds(1));
  socket.Send("abc");
  world_.Run(absl::Seconds(4));
  const Inspection all = Inspect("a");
  ASSERT_EQ(all.connections.size(), 2u);
  EXPECT_EQ(all.connections[0].bytes, 10u);
  EXPECT_GE(all.connections[0].idle_for, absl::Milliseconds(4900));
  EXPECT_EQ(all.connections[1].bytes, 3 + sizeof(kSwitch) - 1);  // it answers once more
  EXPECT_GE(all.connections[1].age, absl::Milliseconds(5900));
  EXPECT_LT(all.connections[1].idle_for, absl::Milliseconds(4100));
  EXPECT_FALSE(all.connections[1].client.empty()) << "a tunnel knows whose it is";
  EXPECT_EQ(all.connections[0].client, all.connections[1].client);
}

TEST_F(InspectionTest, TheOldestAreFoundWhereverTheyAre) {
  constexpr char kUpgrade[] =
      "GET /ws HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
  for (int i = 0; i < 5; ++i) {
    world_.NewClient().Send(kUpgrade);
    world_.Run(absl::Milliseconds(10));
    Ask(1, "a");
    world_.Run(absl::Seconds(1));
  }
  Inspection found;
  world_.worker->Inspect({.session = "a", .oldest = 3, .reply = [&found](Inspection inspection) {
                            found = std::move(inspection);
                          }});
  world_.Run(absl::Milliseconds(5));
  ASSERT_EQ(found.connections.size(), 3u);
  EXPECT_TRUE(found.has_more);
  std::string told;
  for (const ConnectionView& view : found.connections) {
    absl::StrAppend(&told, view.kind, " ", absl::ToInt64Seconds(view.age), "; ");
  }
  EXPECT_EQ(told, "websocket 5; request 5; websocket 4; ");
}

TEST_F(InspectionTest, TellsOfNoMoreThanItMayAndSaysSo) {
  Ask(kInspectedMax - 1, "a");
  EXPECT_FALSE(Inspect().has_more);
  Ask(1, "a");
  Inspection found = Inspect();
  EXPECT_EQ(found.connections.size(), kInspectedMax);
  EXPECT_FALSE(found.has_more);
  Ask(1, "a");
  found = Inspect();
  EXPECT_EQ(found.connections.size(), kInspectedMax);
  EXPECT_TRUE(found.has_more);
  EXPECT_EQ(found.clients, static_cast<int64_t>(kInspectedMax + 1));
  // One more session, of which nothing can be told: the same.
  Ask(1, "b");
  found = Inspect();
  EXPECT_EQ(found.connections.size(), kInspectedMax);
  EXPECT_TRUE(found.has_more);
  EXPECT_EQ(Inspect("b").connections.size(), 1u);
}

}  // namespace
}  // namespace spawner::proxy
