// IdlePolicy: from when grace is counted, and who is warned of an end.
#include <string>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "tests/sim/scene.h"

namespace spawner::sim {
namespace {

constexpr absl::Duration kSlack = absl::Milliseconds(200);

bool IsWarned(const SessionView& view, const std::string& reason) {
  for (const SessionCondition& condition : view.conditions) {
    if (condition.type != "EndingSoon") continue;
    return condition.status && absl::StrContains(condition.message, "ends as " + reason + " at ");
  }
  return false;
}

TEST(IdlePolicy, InitialGraceIsCountedFromReady) {
  Scene scene(1);
  local::PodScript script;
  script.start_after = absl::Seconds(40);  // a slow image: longer than both graces
  scene.world.runtime.SetScript("app:1", script);
  const SessionId id = scene.Ready("doc");
  ASSERT_FALSE(id.value.empty());
  const Instant ready_at = scene.world.clock.Now();
  ASSERT_TRUE(scene.Ends(id, absl::Minutes(1)));
  EXPECT_GE(scene.world.clock.Now() - ready_at, absl::Seconds(5) - kSlack);
  EXPECT_LE(scene.world.clock.Now() - ready_at, absl::Seconds(5) + kSlack);
  EXPECT_EQ(scene.Get(id)->reason, EndReason::kIdle);
}

TEST(IdlePolicy, WarnsBeforeAnIdleEndUntilSomebodyComes) {
  Scene scene(2);
  scene.spec.idle.initial_grace = absl::Seconds(30);
  scene.spec.idle.grace = absl::Seconds(30);
  scene.spec.idle.warn_before = absl::Seconds(10);
  const SessionId id = scene.Ready("doc");
  scene.world.RunFor(absl::Seconds(19));
  EXPECT_FALSE(IsWarned(*scene.Get(id), "IDLE"));
  EXPECT_FALSE(scene.world.proxy(0)->routes().at(id).near_end.has_value());
  scene.world.RunFor(absl::Seconds(2));
  EXPECT_TRUE(IsWarned(*scene.Get(id), "IDLE"));
  const route::Route& route = scene.world.proxy(0)->routes().at(id);
  ASSERT_TRUE(route.near_end.has_value());
  EXPECT_EQ(route.near_end->as, static_cast<int>(EndReason::kIdle));
  const absl::Duration left = route.near_end->at - scene.world.clock.WallNow();
  EXPECT_GE(left, absl::Seconds(8));
  EXPECT_LE(left, absl::Seconds(10));
  scene.world.proxy(0)->Request(id);
  scene.world.RunFor(absl::Seconds(1));
  EXPECT_FALSE(IsWarned(*scene.Get(id), "IDLE"));
  EXPECT_FALSE(scene.world.proxy(0)->routes().at(id).near_end.has_value());
  scene.world.RunFor(absl::Minutes(2));
  EXPECT_TRUE(scene.Is(id, SessionState::kReady));
}

TEST(IdlePolicy, WarnsBeforeTheEndOfALifetimeWhoeverIsThere) {
  Scene scene(3);
  scene.spec.lifetime.max = absl::Seconds(60);
  scene.spec.idle.warn_before = absl::Seconds(20);
  const SessionId id = scene.Ready("doc");
  scene.world.proxy(0)->Request(id);
  scene.world.RunFor(absl::Seconds(35));
  EXPECT_FALSE(IsWarned(*scene.Get(id), "MAX_LIFETIME"));
  scene.world.RunFor(absl::Seconds(10));
  EXPECT_TRUE(IsWarned(*scene.Get(id), "MAX_LIFETIME"));
  EXPECT_EQ(scene.world.proxy(1)->routes().at(id).near_end->as,
            static_cast<int>(EndReason::kMaxLifetime));
  ASSERT_TRUE(scene.Ends(id, absl::Seconds(30)));
  EXPECT_EQ(scene.Get(id)->reason, EndReason::kMaxLifetime);
  EXPECT_FALSE(IsWarned(*scene.Get(id), "MAX_LIFETIME"));
}

// However often it is looked at, the warning is one change of the route.
TEST(IdlePolicy, AWarningIsToldOnce) {
  Scene scene(4);
  scene.spec.lifetime.max = absl::Seconds(60);
  scene.spec.idle.never = true;
  scene.spec.idle.warn_before = absl::Seconds(50);
  const SessionId id = scene.Ready("doc");
  scene.world.RunFor(absl::Seconds(20));
  const std::string etag = scene.Get(id)->etag;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(scene.Connect(scene.Ask("doc")).ok());  // each makes the core look at it
    scene.world.RunFor(absl::Seconds(1));
  }
  EXPECT_EQ(scene.Get(id)->etag, etag);
}

TEST(IdlePolicy, WithoutAWarningNobodyIsWarned) {
  Scene scene(5);
  const SessionId id = scene.Ready("doc");
  scene.world.RunFor(absl::Seconds(4));
  EXPECT_TRUE(scene.Get(id)->conditions.empty());
}

}  // namespace
}  // namespace spawner::sim
