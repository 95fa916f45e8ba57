#include "tests/bench/histogram.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace spawner::bench {
namespace {

TEST(Histogram, IsZeroWhileEmpty) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0);
  EXPECT_EQ(histogram.Quantile(0.5), 0);
  EXPECT_EQ(histogram.mean(), 0);
}

TEST(Histogram, GivesQuantilesWithinTheWidthOfABucket) {
  Histogram histogram;
  for (int64_t value = 1; value <= 100'000; ++value) histogram.Add(value * 10);
  EXPECT_EQ(histogram.count(), 100'000);
  EXPECT_EQ(histogram.max(), 1'000'000);
  EXPECT_NEAR(histogram.mean(), 500'005, 1);
  for (const double fraction : {0.001, 0.5, 0.9, 0.99, 0.999}) {
    const double exact = fraction * 1'000'000;
    EXPECT_LE(histogram.Quantile(fraction), exact);
    EXPECT_GE(histogram.Quantile(fraction), exact * (1 - 1.0 / 63)) << fraction;
  }
}

TEST(Histogram, IsExactForSmallValuesAndTakesTheLargest) {
  Histogram histogram;
  for (const int64_t value : {int64_t{-5}, int64_t{63}, INT64_MAX}) histogram.Add(value);
  EXPECT_EQ(histogram.Quantile(0), 0);
  EXPECT_EQ(histogram.Quantile(0.6), 63);
  EXPECT_GE(histogram.Quantile(1), INT64_MAX - INT64_MAX / 64);
  EXPECT_EQ(histogram.max(), INT64_MAX);
}

}  // namespace
}  // namespace spawner::bench
