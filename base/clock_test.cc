#include "base/clock.h"

#include <gtest/gtest.h>

namespace spawner {
namespace {

TEST(Clock, InstantArithmeticSaturates) {
  EXPECT_EQ(Instant::Infinite() + absl::Seconds(1), Instant::Infinite());
  EXPECT_EQ(Instant{5} + absl::InfiniteDuration(), Instant::Infinite());
  EXPECT_EQ(Instant{5} + absl::Nanoseconds(3), Instant{8});
  EXPECT_EQ(Instant{5} - absl::Nanoseconds(3), Instant{2});
  EXPECT_EQ(Instant{8} - Instant{5}, absl::Nanoseconds(3));
}

TEST(Clock, FakeStandsStillUntilTold) {
  FakeClock clock;
  const Instant start = clock.Now();
  const absl::Time wall = clock.WallNow();
  EXPECT_EQ(clock.Now(), start);
  clock.Advance(absl::Seconds(3));
  EXPECT_EQ(clock.Now() - start, absl::Seconds(3));
  EXPECT_EQ(clock.WallNow() - wall, absl::Seconds(3));
}

TEST(Clock, SystemNeverGoesBack) {
  const SystemClock clock;
  const Instant a = clock.Now();
  EXPECT_GE(clock.Now(), a);
}

}  // namespace
}  // namespace spawner
