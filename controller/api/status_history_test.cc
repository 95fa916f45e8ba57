#include "controller/api/status_history.h"

#include <gtest/gtest.h>

#include "controller/api/api_fixture.h"
#include "controller/api/limits.h"

namespace spawner::api {
namespace {

class StatusHistoryTest : public ::testing::Test {
 protected:
  StatusHistoryTest() : history_(server_.edge, nullptr) {}
  void Take(int s, int64_t connections, bool is_reachable = true, bool has_leader = true) {
    history_.Take({.time = absl::FromUnixSeconds(s),
                   .is_reachable = is_reachable,
                   .has_leader = has_leader,
                   .connections = connections});
  }

  ApiServer server_;
  StatusHistory history_;
  uint64_t seen_ = 0;
};

TEST_F(StatusHistoryTest, KeepsAPointEachStepAndTellsEachOnce) {
  for (int s = 0; s <= 30; s += 5) Take(s, s);
  EXPECT_EQ(JsonText(history_.PointsAfter(seen_)),
            "[[0,0,0,0],[10,10,0,0],[20,20,0,0],[30,30,0,0]]");
  EXPECT_EQ(JsonText(history_.PointsAfter(seen_)), "[]");
  Take(40, 40);
  EXPECT_EQ(JsonText(history_.PointsAfter(seen_)), "[[40,40,0,0]]");
}

TEST_F(StatusHistoryTest, ForgetsWhatIsOlderThanAnHour) {
  for (int s = 0; s < 7200; s += 10) Take(s, 1);
  const Json points = history_.PointsAfter(seen_);
  EXPECT_EQ(points.size(), kHistoryPointsMax);
  EXPECT_EQ(points[0][0], 3600);
}

TEST_F(StatusHistoryTest, KnowsSinceWhenItIsSo) {
  Take(0, 1);
  EXPECT_FALSE(history_.unreachable_since().has_value());
  Take(5, 1, /*is_reachable=*/false);
  Take(10, 1, /*is_reachable=*/false, /*has_leader=*/false);
  EXPECT_EQ(history_.unreachable_since(), absl::FromUnixSeconds(5));
  EXPECT_EQ(history_.no_leader_since(), absl::FromUnixSeconds(10));
  Take(15, 1);
  EXPECT_FALSE(history_.unreachable_since().has_value());
  EXPECT_FALSE(history_.no_leader_since().has_value());
}

}  // namespace
}  // namespace spawner::api
