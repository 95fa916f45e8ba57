// Many routes at once, through a worker in a simulated network: a turn's length is counted in the
// routes that it applies, and requests are answered between the turns.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "proxy/forward/limits.h"
#include "proxy/forward/sim_world.h"
#include "proxy/route/limits.h"
#include "proxy/route/route.h"

namespace spawner::proxy {
namespace {

constexpr char kOk[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

class RouteUpdatesTest : public testing::Test {
 protected:
  RouteUpdatesTest() : backend_(world_.io, Answering(kOk)) {
    address_ = backend_.Listen({"10.0.1.1", 8080});
  }
  Route To(absl::string_view id, uint64_t epoch = 1, RouteState state = RouteState::kOpen) const {
    return {.session_id = std::string(id),
            .epoch = epoch,
            .state = state,
            .ip = address_.ip,
            .port = address_.port,
            .hold_timeout = absl::Seconds(30)};
  }
  RouteChange Table(size_t count) {
    RouteChange table{.version = {1, ++world_.version}, .replaces_all = true};
    for (size_t i = 0; i < count; ++i) table.routes.push_back(To(absl::StrCat("s", i)));
    return table;
  }
  int64_t applied() const { return world_.worker->counters().routes_applied.value(); }
  // One turn of the worker, in which it applies no more routes than it may; they are what takes it
  // time.
  void Turn() {
    const int64_t before = applied();
    world_.worker->Turn(absl::Milliseconds(1));
    const auto took = static_cast<size_t>(applied() - before);
    ASSERT_LE(took, kRoutesPerTurn);
    world_.clock.Advance(took * absl::Microseconds(2));
    longest_ = std::max(longest_, took);
    ++turns_;
  }
  // Turns until there are so many acks.
  void TurnUntilAcked(size_t acks) {
    for (int i = 0; world_.reports.acks.size() < acks; ++i) {
      ASSERT_LT(i, 10'000);
      Turn();
    }
  }
  static size_t Answers(const SimPeer& client) {
    size_t count = 0;
    for (size_t at = 0; (at = client.received.find("HTTP/1.1 200", at)) != std::string::npos;
         ++at) {
      ++count;
    }
    return count;
  }

  SimWorld world_;
  SimBackend backend_;
  Address address_;
  size_t turns_ = 0;
  size_t longest_ = 0;
};

// Goal: after a reconnect, a worker with 100,000 routes gets all of them anew. Its requests go on,
// those of a session that both tables have without a gap, and what the new one leaves out is served
// until the end and then is not. Method: a request of each kind at every tenth turn.
TEST_F(RouteUpdatesTest, AWholeTableComesInSlicesAndTheOldOneServesMeanwhile) {
  world_.worker->Post(Table(kRoutesPerWorker));
  TurnUntilAcked(1);
  constexpr size_t kLeft = kRoutesPerWorker - 1000;
  SimPeer& stays = world_.NewClient();
  SimPeer& goes = world_.NewClient();
  const std::string last = absl::StrCat("s", kLeft - 1);
  const std::string gone = absl::StrCat("s", kRoutesPerWorker - 1);
  turns_ = 0;
  size_t asked = 0;
  world_.worker->Post(Table(kLeft));
  while (world_.reports.acks.size() < 2) {
    if (turns_ % 10 == 0 && Answers(stays) == asked && Answers(goes) == asked) {
      stays.Send(SimWorld::Get(last));
      goes.Send(SimWorld::Get(gone));
      ++asked;
    }
    Turn();
    ASSERT_TRUE(world_.reports.unknown.empty());
  }
  EXPECT_EQ(world_.reports.acks[1].version, (RouteVersion{1, 2}));
  EXPECT_GE(turns_, kRoutesPerWorker / kRoutesPerTurn);
  EXPECT_LE(turns_, 2 * kRoutesPerWorker / kRoutesPerTurn);
  EXPECT_EQ(longest_, kRoutesPerTurn);
  EXPECT_GT(asked, 20u);
  EXPECT_TRUE(world_.RunUntil([&] { return Answers(stays) == asked; }));
  EXPECT_FALSE(absl::StrContains(stays.received, "404"));
  stays.Send(SimWorld::Get(last));
  EXPECT_TRUE(world_.RunUntil([&] { return Answers(stays) == asked + 1; }));
  world_.NewClient().Send(SimWorld::Get(gone));
  EXPECT_TRUE(world_.RunUntil([&] { return !world_.reports.unknown.empty(); }));
  EXPECT_EQ(world_.reports.unknown, std::vector<std::string>{gone});
}

TEST_F(RouteUpdatesTest, ChangesBehindATableAreAppliedInTheirOrder) {
  world_.worker->Post(Table(20 * kRoutesPerTurn));
  world_.SetRoute(To("late"));
  world_.worker->Post(RouteChange{.version = {1, ++world_.version}, .removed = {"s7"}});
  world_.worker->Post(RouteChange{.unknown = {"nobody"}});
  SimPeer& client = world_.NewClient();
  client.Send(SimWorld::Get("late"));
  TurnUntilAcked(3);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(world_.reports.acks[i].version, (RouteVersion{1, i + 1}));
  }
  EXPECT_EQ(world_.worker->sessions().table().routed(), 20 * kRoutesPerTurn);
  EXPECT_TRUE(world_.RunUntil([&] { return Answers(client) == 1; }));
}

// Goal: 10,000 changes that come at once hold nobody up. Method: the answer to a request
// that comes behind them is there when most are yet to be applied.
TEST_F(RouteUpdatesTest, ManySmallChangesLeaveTimeForRequests) {
  world_.SetRoute(To("a"));
  TurnUntilAcked(1);
  SimPeer& client = world_.NewClient();
  client.Send(SimWorld::Get("a"));
  EXPECT_TRUE(world_.RunUntil([&] { return Answers(client) == 1; }));
  constexpr size_t kChanges = 10'000;
  for (size_t i = 0; i < kChanges; ++i) world_.SetRoute(To(absl::StrCat("s", i % 100), 2 + i));
  client.Send(SimWorld::Get("a"));
  for (int i = 0; Answers(client) < 2; ++i) {
    ASSERT_LT(i, 1000);
    Turn();
  }
  EXPECT_LT(world_.reports.acks.size(), kChanges / 2);
  TurnUntilAcked(1 + kChanges);
  EXPECT_EQ(world_.worker->sessions().table().Find("s99")->route.epoch, 1 + kChanges);
}

// Goal: gates that close in different turns are counted in the turn of each, and told in one ack.
TEST_F(RouteUpdatesTest, GatesOfOneChangeAreToldTogether) {
  RouteChange opened = Table(4 * kRoutesPerTurn);
  world_.worker->Post(opened);
  TurnUntilAcked(1);
  const std::string busy = absl::StrCat("s", 3 * kRoutesPerTurn);
  backend_.StopListening();
  SimBackend silent(world_.io, [](SimPeer&) {});
  silent.Listen(address_);
  world_.NewClient().Send(SimWorld::Get(busy));
  ASSERT_TRUE(world_.RunUntil([&] { return !silent.connections.empty(); }));
  opened.replaces_all = false;
  opened.version.version = ++world_.version;
  for (Route& route : opened.routes) route.state = RouteState::kGated;
  world_.worker->Post(opened);
  TurnUntilAcked(2);
  const std::vector<GateCount>& gates = world_.reports.acks[1].gates;
  ASSERT_EQ(gates.size(), 4 * kRoutesPerTurn);
  for (const GateCount& gate : gates) {
    ASSERT_EQ(gate.open, gate.session_id == busy ? 1 : 0) << gate.session_id;
    ASSERT_EQ(gate.gate_version, 2u);
  }
}

TEST_F(RouteUpdatesTest, ADrainBehindATableEndsWithTheLastReport) {
  world_.worker->Post(Table(20 * kRoutesPerTurn));
  world_.worker->Drain(absl::ZeroDuration());
  ASSERT_TRUE(world_.RunUntil([&] { return world_.reports.is_drained; }));
  EXPECT_EQ(world_.reports.acks.size(), 1u);
}

// Goal: many sessions in use are reported in slices, and all of them. Method: one request each.
TEST_F(RouteUpdatesTest, ReportsManySessionsInSlices) {
  constexpr size_t kSessions = 3 * kTotalsPerTurn;
  world_.worker->Post(Table(kSessions));
  TurnUntilAcked(1);
  SimPeer& client = world_.NewClient();
  for (size_t i = 0; i < kSessions; ++i) {
    client.Send(SimWorld::Get(absl::StrCat("s", i)));
    ASSERT_TRUE(world_.RunUntil([&] { return Answers(client) == i + 1; }));
  }
  size_t seen = world_.reports.usage.size();
  for (int i = 0; i < 100; ++i) {
    Turn();
    ASSERT_LE(world_.reports.usage.size(), seen + kTotalsPerTurn);
    seen = world_.reports.usage.size();
  }
  world_.Run(absl::Seconds(3));
  for (size_t i = 0; i < kSessions; ++i) {
    const SessionTotals totals = world_.reports.Last(absl::StrCat("s", i), 1);
    ASSERT_EQ(totals.opened_total, 1u) << i;
    ASSERT_EQ(totals.open, 0) << i;
  }
}

// Goal: sessions whose routes go all at once are let go of, whatever list they are in. Method: each
// was just used (there is news of it) and has an idle backend connection.
TEST_F(RouteUpdatesTest, LetsGoOfManySessionsAtOnce) {
  constexpr size_t kSessions = 5 * kRoutesPerTurn;
  world_.worker->Post(Table(kSessions));
  TurnUntilAcked(1);
  SimPeer& client = world_.NewClient();
  for (size_t i = 0; i < kSessions; ++i) {
    client.Send(SimWorld::Get(absl::StrCat("s", i)));
    ASSERT_TRUE(world_.RunUntil([&] { return Answers(client) == i + 1; }));
  }
  EXPECT_EQ(world_.worker->sessions().count(), kSessions);
  world_.worker->Post(Table(0));
  TurnUntilAcked(2);
  world_.Run(absl::Seconds(3));
  EXPECT_EQ(world_.worker->sessions().count(), 0u);
  EXPECT_EQ(world_.worker->counters().upstreams.value(), 0);
  EXPECT_EQ(world_.reports.Last("s0", 1).opened_total, 1u);
}

}  // namespace
}  // namespace spawner::proxy
