#include "controller/core/phase_clock.h"

#include <gtest/gtest.h>

namespace spawner::core {
namespace {

using Counts = std::map<std::string, Histogram>;

uint64_t Total(const Histogram& histogram) {
  uint64_t total = 0;
  for (const uint64_t count : histogram.counts()) total += count;
  return total;
}

TEST(PhaseClock, CountsEachPhaseOfAStartOnce) {
  PhaseClock clock;
  Counts counts;
  const Instant start{1'000'000'000};
  const auto at = [start](int ms) { return start + absl::Milliseconds(ms); };
  clock.Observe(SessionState::kPending, StartPhase::kNone, at(0), counts);
  clock.Observe(SessionState::kPending, StartPhase::kNone, at(5), counts);
  clock.Observe(SessionState::kStarting, StartPhase::kScheduling, at(10), counts);
  clock.Observe(SessionState::kStarting, StartPhase::kPulling, at(30), counts);
  clock.Observe(SessionState::kStarting, StartPhase::kPulling, at(100), counts);
  clock.Observe(SessionState::kStarting, StartPhase::kStarted, at(530), counts);
  clock.Observe(SessionState::kReady, StartPhase::kNone, at(1000), counts);
  clock.Observe(SessionState::kDraining, StartPhase::kNone, at(2000), counts);
  clock.Observe(SessionState::kReady, StartPhase::kNone, at(3000), counts);
  clock.Observe(SessionState::kTerminated, StartPhase::kNone, at(4000), counts);
  const std::map<std::string, double> expected = {
      {"pending", 0.01}, {"scheduling", 0.02}, {"pulling", 0.5}, {"started", 0.47}, {"total", 1.0}};
  ASSERT_EQ(counts.size(), expected.size());
  for (const auto& [phase, seconds] : expected) {
    EXPECT_EQ(Total(counts.at(phase)), 1u) << phase;
    EXPECT_NEAR(counts.at(phase).sum_seconds(), seconds, 1e-9) << phase;
  }
}

TEST(PhaseClock, APhaseThatFailedIsNotCounted) {
  PhaseClock clock;
  Counts counts;
  clock.Observe(SessionState::kStarting, StartPhase::kPulling, Instant{1}, counts);
  clock.Observe(SessionState::kTerminating, StartPhase::kNone, Instant{2}, counts);
  EXPECT_TRUE(counts.empty());
}

}  // namespace
}  // namespace spawner::core
