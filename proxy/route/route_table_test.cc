#include "proxy/route/route_table.h"

#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "proxy/route/change_parts.h"
#include "proxy/route/limits.h"
#include "proxy/route/route.h"

namespace spawner::proxy {
namespace {

using Kind = RouteEvent::Kind;

Route MakeRoute(absl::string_view id, uint64_t epoch, RouteState state = RouteState::kOpen) {
  return {.session_id = std::string(id),
          .epoch = epoch,
          .state = state,
          .ip = "127.1.0.1",
          .port = 8080};
}

RouteChange Change(uint64_t version, std::vector<Route> routes) {
  return {.version = {1, version}, .routes = std::move(routes)};
}

// In parts, as a worker does, each in one turn. The events point at entries that a later part may
// have touched: nothing in these tests erases one within a change.
std::vector<RouteEvent> ApplyAll(RouteTable& table, const RouteChange& change, Instant now) {
  std::vector<RouteEvent> all;
  const auto add = [&all](std::vector<RouteEvent> events) {
    EXPECT_LE(events.size(), kRoutesPerTurn);
    all.insert(all.end(), events.begin(), events.end());
  };
  ForEachPart(change, [&](RouteChange part) { add(table.Apply(std::move(part), now)); });
  while (table.is_sweeping()) add(table.Sweep(kRoutesPerTurn, now));
  EXPECT_FALSE(table.is_between());
  return all;
}

class RouteTableTest : public testing::Test {
 protected:
  std::vector<RouteEvent> Apply(const RouteChange& change) {
    return ApplyAll(table_, change, clock_.Now());
  }
  bool IsRouted(absl::string_view id) {
    const RouteEntry* entry = table_.Find(id);
    return entry != nullptr && entry->is_routed;
  }

  FakeClock clock_;
  RouteTable table_;
};

TEST_F(RouteTableTest, FindsWhatWasAppliedAndTellsWhatItWasBefore) {
  auto events = Apply(Change(1, {MakeRoute("a", 7, RouteState::kHold)}));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, Kind::kChanged);
  EXPECT_FALSE(events[0].was_routed);
  events = Apply(Change(2, {MakeRoute("a", 8, RouteState::kOpen)}));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_TRUE(events[0].was_routed);
  EXPECT_EQ(events[0].was_state, RouteState::kHold);
  EXPECT_EQ(events[0].was_epoch, 7u);
  EXPECT_EQ(events[0].entry, table_.Find("a"));
  EXPECT_EQ(table_.Find("a")->route, MakeRoute("a", 8, RouteState::kOpen));
  EXPECT_EQ(table_.version(), (RouteVersion{1, 2}));
  EXPECT_EQ(table_.Find("b"), nullptr);
}

TEST_F(RouteTableTest, RefusesALowerEpochAndKeepsTheRoute) {
  Apply(Change(1, {MakeRoute("a", 7)}));
  const auto events = Apply(Change(2, {MakeRoute("a", 6, RouteState::kEnded)}));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, Kind::kRefused);
  EXPECT_EQ(table_.Find("a")->route, MakeRoute("a", 7));
}

TEST_F(RouteTableTest, KeepsTheFenceThroughARemovalUntilItsTimeIsOver) {
  Apply(Change(1, {MakeRoute("a", 7)}));
  Apply({.version = {1, 2}, .removed = {"a"}});
  EXPECT_FALSE(IsRouted("a"));
  EXPECT_EQ(Apply(Change(3, {MakeRoute("a", 6)}))[0].kind, Kind::kRefused);
  EXPECT_FALSE(IsRouted("a"));
  clock_.Advance(kFenceTtl - absl::Nanoseconds(1));
  EXPECT_EQ(Apply(Change(4, {MakeRoute("a", 6)}))[0].kind, Kind::kRefused);
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_EQ(Apply(Change(5, {MakeRoute("a", 6)}))[0].kind, Kind::kChanged);
  EXPECT_TRUE(IsRouted("a"));
}

TEST_F(RouteTableTest, ForgetsTheOldestFencesBeyondTheirNumber) {
  RouteChange all = Change(1, {});
  for (size_t i = 0; i <= kFencesMax; ++i) all.routes.push_back(MakeRoute(absl::StrCat("s", i), 9));
  Apply(all);
  EXPECT_EQ(table_.routed(), kFencesMax + 1);
  Apply({.version = {1, 2}, .replaces_all = true});
  EXPECT_EQ(table_.routed(), 0u);
  EXPECT_LE(table_.fences(), kFencesMax + kRoutesPerTurn);
  Apply(Change(3, {}));
  EXPECT_EQ(table_.fences(), kFencesMax);
}

TEST_F(RouteTableTest, AWholeTableRemovesWhatItDoesNotNameAndTellsOwners) {
  Apply(Change(1, {MakeRoute("a", 1), MakeRoute("b", 1), MakeRoute("c", 1)}));
  int exchange = 0;
  table_.Find("c")->owner = &exchange;
  const auto events =
      Apply({.version = {2, 1}, .replaces_all = true, .routes = {MakeRoute("b", 2)}});
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].entry->route.session_id, "b");
  EXPECT_EQ(events[1].kind, Kind::kRemoved);
  EXPECT_EQ(events[1].entry->route.session_id, "a");
  EXPECT_EQ(events[2].entry->owner, &exchange);
  EXPECT_EQ(events[2].was_epoch, 1u);
  EXPECT_EQ(table_.routed(), 1u);
}

TEST_F(RouteTableTest, AWholeTableWithALowerEpochDoesNotRemoveTheNewerRoute) {
  Apply(Change(1, {MakeRoute("a", 7)}));
  Apply({.version = {2, 1}, .replaces_all = true, .routes = {MakeRoute("a", 6)}});
  EXPECT_EQ(table_.Find("a")->route, MakeRoute("a", 7));
}

TEST_F(RouteTableTest, BelievesANegativeAnswerForItsTimeOnly) {
  Apply({.unknown = {"x"}});
  EXPECT_EQ(table_.version(), RouteVersion{});
  EXPECT_TRUE(table_.IsUnknown("x", clock_.Now()));
  clock_.Advance(kUnknownTtl - absl::Nanoseconds(1));
  EXPECT_TRUE(table_.IsUnknown("x", clock_.Now()));
  Apply({.unknown = {"x"}});
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_TRUE(table_.IsUnknown("x", clock_.Now()));
  clock_.Advance(kUnknownTtl);
  EXPECT_FALSE(table_.IsUnknown("x", clock_.Now()));
  Apply({});
  EXPECT_EQ(table_.unknown_ids(), 0u);
}

TEST_F(RouteTableTest, ARouteEndsTheNegativeAnswer) {
  Apply({.unknown = {"x"}});
  Apply(Change(1, {MakeRoute("x", 1)}));
  EXPECT_FALSE(table_.IsUnknown("x", clock_.Now()));
  EXPECT_TRUE(Apply({.unknown = {"x"}}).empty());
  EXPECT_FALSE(table_.IsUnknown("x", clock_.Now()));
}

TEST_F(RouteTableTest, BoundsTheNegativeAnswers) {
  RouteChange scan;
  for (size_t i = 0; i <= kUnknownIdsMax; ++i) scan.unknown.push_back(absl::StrCat("r", i));
  Apply(scan);
  EXPECT_EQ(table_.unknown_ids(), kUnknownIdsMax);
  EXPECT_FALSE(table_.IsUnknown("r0", clock_.Now()));
  EXPECT_TRUE(table_.IsUnknown(absl::StrCat("r", kUnknownIdsMax), clock_.Now()));
}

TEST_F(RouteTableTest, HoldsAnEntryForWhoWaitsForAnAnswer) {
  int waiting = 0;
  RouteEntry* const entry = table_.FindOrAdd("x");
  entry->owner = &waiting;
  EXPECT_EQ(table_.FindOrAdd("x"), entry);
  EXPECT_FALSE(entry->is_routed);
  const auto events = Apply({.unknown = {"x"}});
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, Kind::kUnknown);
  EXPECT_EQ(events[0].entry, entry);
  entry->owner = nullptr;
  table_.Release(entry);
  EXPECT_EQ(table_.Find("x"), nullptr);
}

TEST_F(RouteTableTest, KeepsAnOwnedEntryWhoseFenceIsOverUntilItIsReleased) {
  int tunnel = 0;
  Apply(Change(1, {MakeRoute("a", 7)}));
  RouteEntry* const entry = table_.Find("a");
  entry->owner = &tunnel;
  Apply({.version = {1, 2}, .removed = {"a"}});
  clock_.Advance(kFenceTtl);
  Apply(Change(3, {}));
  ASSERT_EQ(table_.Find("a"), entry);
  entry->owner = nullptr;
  table_.Release(entry);
  EXPECT_EQ(table_.Find("a"), nullptr);
}

TEST_F(RouteTableTest, KeepsAnOwnedEntryWhoseFenceIsOverAndTakesALowerEpochThen) {
  int tunnel = 0;
  Apply(Change(1, {MakeRoute("a", 7)}));
  RouteEntry* const entry = table_.Find("a");
  entry->owner = &tunnel;
  Apply({.version = {1, 2}, .removed = {"a"}});
  clock_.Advance(kFenceTtl);
  EXPECT_EQ(Apply(Change(3, {MakeRoute("a", 6)}))[0].kind, Kind::kChanged);
  EXPECT_EQ(table_.Find("a"), entry);
}

std::vector<Route> MakeRoutes(size_t count, uint64_t epoch) {
  std::vector<Route> routes;
  for (size_t i = 0; i < count; ++i) routes.push_back(MakeRoute(absl::StrCat("s", i), epoch));
  return routes;
}

// Goal: while a whole table comes in parts, what both tables have is served all the time, and what
// the new one leaves out until the end. Method: after each part, every id is looked up.
TEST_F(RouteTableTest, ServesTheOldTableWhileTheNewOneComes) {
  constexpr size_t kBoth = 10 * kRoutesPerTurn;
  constexpr size_t kGone = 3 * kRoutesPerTurn + 1;
  RouteChange old = Change(1, MakeRoutes(kBoth, 1));
  for (size_t i = 0; i < kGone; ++i) old.routes.push_back(MakeRoute(absl::StrCat("gone", i), 1));
  Apply(old);
  size_t parts = 0;
  const auto check = [&](size_t gone_left) {
    ASSERT_EQ(table_.routed(), kBoth + gone_left);
    for (size_t i = 0; i < kBoth; ++i) ASSERT_TRUE(IsRouted(absl::StrCat("s", i)));
  };
  ForEachPart({.version = {2, 1}, .replaces_all = true, .routes = MakeRoutes(kBoth, 2)},
              [&](RouteChange part) {
                table_.Apply(std::move(part), clock_.Now());
                ++parts;
                check(kGone);
                ASSERT_TRUE(IsRouted("gone0"));
                ASSERT_EQ(table_.version(), (RouteVersion{1, 1}));
              });
  EXPECT_EQ(parts, 10u);
  size_t sweeps = 0;
  for (size_t left = kGone; table_.is_sweeping(); ++sweeps) {
    ASSERT_EQ(table_.version(), (RouteVersion{1, 1}));
    left -= table_.Sweep(kRoutesPerTurn, clock_.Now()).size();
    check(left);
  }
  EXPECT_EQ(sweeps, 4u);
  EXPECT_EQ(table_.version(), (RouteVersion{2, 1}));
  EXPECT_FALSE(IsRouted("gone0"));
  EXPECT_EQ(table_.Find("s0")->route.epoch, 2u);
}

TEST_F(RouteTableTest, ClearsManyOldFencesAwayInManyTurns) {
  constexpr size_t kMany = 100 * kRoutesPerTurn;
  Apply(Change(1, MakeRoutes(kMany, 5)));
  Apply({.version = {1, 2}, .replaces_all = true});
  clock_.Advance(kFenceTtl);
  Apply(Change(3, {MakeRoute("x", 1)}));
  EXPECT_EQ(table_.fences(), kMany - kForgottenPerPart - 2);
  EXPECT_EQ(Apply(Change(4, {MakeRoute(absl::StrCat("s", kMany - 1), 4)}))[0].kind, Kind::kChanged);
  uint64_t version = 4;
  while (table_.fences() > 0) Apply(Change(++version, {}));
  EXPECT_EQ(table_.Find("s0"), nullptr);
  EXPECT_EQ(table_.routed(), 2u);
}

TEST(ChangeParts, HaveEverythingInOrderAndOnlyTheLastSaysSo) {
  RouteChange change = Change(7, MakeRoutes(kRoutesPerTurn + 5, 1));
  for (size_t i = 0; i < 2 * kRoutesPerTurn; ++i) change.removed.push_back(absl::StrCat("r", i));
  change.unknown = {"u"};
  RouteChange sum = Change(7, {});
  size_t parts = 0;
  ForEachPart(change, [&](RouteChange part) {
    EXPECT_EQ(part.version, change.version);
    EXPECT_EQ(part.has_more, ++parts < 4);
    EXPECT_LE(part.routes.size() + part.removed.size() + part.unknown.size(), kRoutesPerTurn);
    sum.routes.insert(sum.routes.end(), part.routes.begin(), part.routes.end());
    sum.removed.insert(sum.removed.end(), part.removed.begin(), part.removed.end());
    sum.unknown.insert(sum.unknown.end(), part.unknown.begin(), part.unknown.end());
  });
  EXPECT_EQ(parts, 4u);
  EXPECT_EQ(sum.routes, change.routes);
  EXPECT_EQ(sum.removed, change.removed);
  EXPECT_EQ(sum.unknown, change.unknown);
  parts = 0;
  ForEachPart({.version = {1, 1}, .replaces_all = true}, [&](RouteChange part) {
    EXPECT_TRUE(part.replaces_all && !part.has_more);
    ++parts;
  });
  EXPECT_EQ(parts, 1u);
}

// The same rules over plain maps, without bounds on numbers.
struct NaiveTable {
  std::map<std::string, Route> routes;
  std::map<std::string, std::pair<uint64_t, Instant>> fences;  // epoch, since when without a route
  std::map<std::string, Instant> unknown;

  uint64_t FenceOf(const std::string& id) const {
    if (const auto it = routes.find(id); it != routes.end()) return it->second.epoch;
    const auto it = fences.find(id);
    return it != fences.end() ? it->second.first : 0;
  }
  void ForgetFences(Instant now) {
    for (auto it = fences.begin(); it != fences.end();) {
      it = it->second.second + kFenceTtl <= now ? fences.erase(it) : std::next(it);
    }
  }
  void Remove(const std::string& id, Instant now) {
    if (const auto it = routes.find(id); it != routes.end()) {
      fences[id] = {it->second.epoch, now};
      routes.erase(it);
    }
  }
  void Apply(const RouteChange& change, Instant now) {
    ForgetFences(now);
    std::set<std::string> named;
    for (const Route& route : change.routes) {
      named.insert(route.session_id);
      if (route.epoch < FenceOf(route.session_id)) continue;
      routes[route.session_id] = route;
      fences.erase(route.session_id);
      unknown.erase(route.session_id);
    }
    for (const std::string& id : change.removed) Remove(id, now);
    if (change.replaces_all) {
      std::vector<std::string> gone;
      for (const auto& [id, route] : routes) {
        if (named.count(id) == 0) gone.push_back(id);
      }
      for (const std::string& id : gone) Remove(id, now);
    }
    for (const std::string& id : change.unknown) {
      if (routes.count(id) == 0) unknown[id] = now + kUnknownTtl;
    }
  }
};

RouteChange RandomChange(Random& random, uint64_t version) {
  RouteChange change{.version = {1, version}, .replaces_all = random.OneIn(20)};
  const auto id = [&random] { return absl::StrCat("s", random.Below(30)); };
  for (uint64_t n = random.Below(6); n > 0; --n) {
    change.routes.push_back(
        MakeRoute(id(), random.Below(8), static_cast<RouteState>(1 + random.Below(4))));
  }
  for (uint64_t n = random.Below(4); n > 0; --n) change.removed.push_back(id());
  if (change.replaces_all) return change;
  for (uint64_t n = random.Below(4); n > 0; --n) change.unknown.push_back(id());
  return change;
}

// Goal: the table agrees with the naive one whatever comes. Method: random changes, time and
// owners.
TEST(RouteTableProperty, AgreesWithANaiveTable) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    SeededRandom random(seed);
    FakeClock clock;
    RouteTable table;
    NaiveTable naive;
    int owner = 0;
    for (uint64_t step = 1; step <= 100; ++step) {
      if (random.OneIn(3)) clock.Advance(absl::Milliseconds(random.Below(800)));
      if (random.OneIn(30)) clock.Advance(absl::Minutes(random.Below(12)));
      const std::string touched = absl::StrCat("s", random.Below(30));
      RouteEntry* const entry_touched = table.FindOrAdd(touched);
      entry_touched->owner = random.OneIn(2) ? &owner : nullptr;
      if (entry_touched->owner == nullptr) table.Release(entry_touched);
      const RouteChange change = RandomChange(random, step);
      naive.Apply(change, clock.Now());
      ApplyAll(table, change, clock.Now());
      ASSERT_EQ(table.version(), (RouteVersion{1, step}));
      ASSERT_EQ(table.routed(), naive.routes.size());
      for (int i = 0; i < 30; ++i) {
        const std::string id = absl::StrCat("s", i);
        const RouteEntry* entry = table.Find(id);
        const auto expected = naive.routes.find(id);
        ASSERT_EQ(entry != nullptr && entry->is_routed, expected != naive.routes.end()) << id;
        if (expected != naive.routes.end()) {
          ASSERT_EQ(entry->route, expected->second) << id;
        }
        const auto unknown = naive.unknown.find(id);
        ASSERT_EQ(table.IsUnknown(id, clock.Now()),
                  unknown != naive.unknown.end() && unknown->second > clock.Now())
            << id;
      }
    }
  }
}

}  // namespace
}  // namespace spawner::proxy
