#include "controller/route/route_log.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "controller/route/limits.h"
#include "gtest/gtest.h"

namespace spawner::route {
namespace {

Route Make(const std::string& id, RouteState state, uint64_t epoch = 1) {
  Route route;
  route.session = {id};
  route.epoch = {epoch};
  route.state = state;
  return route;
}

// What a proxy has after it applied messages.
class Table {
 public:
  void Apply(const std::vector<Routes>& messages) {
    for (const Routes& message : messages) {
      if (message.is_snapshot && !in_snapshot_) routes_.clear();
      in_snapshot_ = message.is_snapshot && !message.is_last;
      for (const Route& route : message.routes) routes_[route.session.value] = route;
      for (const SessionId& id : message.removed) routes_.erase(id.value);
      if (!in_snapshot_) version_ = message.version;
    }
  }
  uint64_t version() const { return version_; }
  const std::map<std::string, Route>& routes() const { return routes_; }

 private:
  std::map<std::string, Route> routes_;
  uint64_t version_ = 0;
  bool in_snapshot_ = false;
};

TEST(RouteLog, RoutesOfOnePolicyShareIt) {
  RouteLog log;
  log.Reset(4);
  const auto put = [&log](const std::string& id, int32_t max_connections) {
    Route route = Make(id, RouteState::kOpen);
    route.policy = std::make_shared<RoutePolicy>(RoutePolicy{.max_connections = max_connections});
    log.Put(route);
    return route.policy;
  };
  put("a", 1);
  put("b", 1);
  put("c", 2);
  EXPECT_EQ(log.Find({"a"})->policy, log.Find({"b"})->policy);
  EXPECT_NE(log.Find({"a"})->policy, log.Find({"c"})->policy);
  // What no route has any more is let go; the others stay shared.
  std::weak_ptr<const RoutePolicy> former;
  for (int32_t i = 0; i < 3 * static_cast<int32_t>(kPoliciesMin + kHistoryMax); ++i) {
    const auto policy = put("d", 100 + i);
    if (i == 0) former = policy;
  }
  EXPECT_TRUE(former.expired());
  put("e", 1);
  EXPECT_EQ(log.Find({"a"})->policy, log.Find({"e"})->policy);
}

TEST(RouteLog, GivesTheSameRouteNoNewVersion) {
  RouteLog log;
  log.Reset(4);
  EXPECT_EQ(log.Put(Make("a", RouteState::kHold)), 1u);
  EXPECT_EQ(log.Put(Make("a", RouteState::kHold)), 1u);
  EXPECT_EQ(log.Put(Make("a", RouteState::kOpen)), 2u);
  EXPECT_EQ(log.VersionOf({"a"}), 2u);
  EXPECT_EQ(log.Find({"a"})->state, RouteState::kOpen);
  log.Remove({"a"});
  log.Remove({"a"});
  EXPECT_EQ(log.version(), 3u);
  EXPECT_EQ(log.Find({"a"}), nullptr);
  EXPECT_EQ(log.VersionOf({"a"}), 0u);
}

TEST(RouteLog, SendsAnEmptySnapshotToANewProxy) {
  RouteLog log;
  log.Reset(1);
  const auto messages = log.Since(0);
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_TRUE(messages[0].is_snapshot);
  EXPECT_TRUE(messages[0].is_last);
}

TEST(RouteLog, SendsOnlyWhatIsMissing) {
  RouteLog log;
  log.Reset(1);
  log.Put(Make("a", RouteState::kHold));
  log.Put(Make("b", RouteState::kHold));
  log.Remove({"a"});
  EXPECT_TRUE(log.Since(3).empty());
  const auto messages = log.Since(1);
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_FALSE(messages[0].is_snapshot);
  EXPECT_EQ(messages[0].version, 3u);
  ASSERT_EQ(messages[0].routes.size(), 1u);
  EXPECT_EQ(messages[0].routes[0].session.value, "b");
  ASSERT_EQ(messages[0].removed.size(), 1u);
}

TEST(RouteLog, NeverMergesTheChangesOfAGate) {
  RouteLog log;
  log.Reset(1);
  log.Put(Make("a", RouteState::kGated));
  log.Put(Make("a", RouteState::kOpen));
  log.Put(Make("a", RouteState::kGated));
  log.Put(Make("b", RouteState::kHold));
  const auto messages = log.Since(1);
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].routes[0].state, RouteState::kOpen);
  EXPECT_EQ(messages[0].version, 2u);
  EXPECT_EQ(messages[1].routes[0].state, RouteState::kGated);
  EXPECT_EQ(messages[1].version, 4u);
}

TEST(RouteLog, FallsBackToASnapshotInPartsWhenHistoryIsTooShort) {
  RouteLog log;
  log.Reset(1);
  for (size_t i = 0; i < kHistoryMax + 100; ++i)
    log.Put(Make(absl::StrCat("s", i), RouteState::kHold));
  const auto messages = log.Since(1);
  ASSERT_GT(messages.size(), 1u);
  EXPECT_TRUE(messages.front().is_snapshot);
  EXPECT_FALSE(messages.front().is_last);
  EXPECT_TRUE(messages.back().is_last);
  EXPECT_FALSE(log.Since(100).front().is_snapshot);
  EXPECT_TRUE(log.Since(99).front().is_snapshot);
  EXPECT_TRUE(log.Since(log.version() + 1).front().is_snapshot);
}

TEST(RouteLog, BringsEveryProxyToTheSameTable) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    SeededRandom random(seed);
    RouteLog log;
    log.Reset(1);
    Table often;
    Table seldom;
    for (int step = 0; step < 400; ++step) {
      const std::string id = absl::StrCat("s", random.Below(8));
      if (random.OneIn(4)) {
        log.Remove({id});
      } else {
        log.Put(Make(id, static_cast<RouteState>(1 + random.Below(4)), random.Below(5)));
      }
      if (random.OneIn(3)) often.Apply(log.Since(often.version()));
      if (random.OneIn(60)) seldom.Apply(log.Since(seldom.version()));
    }
    Table fresh;
    fresh.Apply(log.Since(0));
    often.Apply(log.Since(often.version()));
    seldom.Apply(log.Since(seldom.version()));
    EXPECT_EQ(often.routes(), fresh.routes());
    EXPECT_EQ(seldom.routes(), fresh.routes());
    EXPECT_EQ(often.version(), log.version());
  }
}

}  // namespace
}  // namespace spawner::route
