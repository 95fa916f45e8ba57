#include "controller/local/pod_log.h"

#include "controller/local/limits.h"
#include "gtest/gtest.h"

namespace spawner::local {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);

TEST(PodLog, JoinsPiecesToLinesAndCutsByCountAndTime) {
  PodLog log;
  log.Append("one\ntw", kStart);
  log.Append("o\n", kStart + absl::Seconds(5));
  log.Append("three\n", kStart + absl::Seconds(10));
  EXPECT_EQ(log.Read({}), "one\ntwo\nthree\n");
  EXPECT_EQ(log.Read({.tail_lines = 2}), "two\nthree\n");
  EXPECT_EQ(log.Read({.tail_lines = 0}), "");
  EXPECT_EQ(log.Read({.tail_lines = 9}), "one\ntwo\nthree\n");
  EXPECT_EQ(log.Read({.since = kStart + absl::Seconds(6)}), "three\n");
  EXPECT_EQ(log.Read({.from_line = 2}), "three\n");
  EXPECT_EQ(log.Read({.from_line = log.next_line()}), "");
  EXPECT_EQ(log.Read({.tail_lines = 1, .has_times = true}), "2027-01-15T08:00:10.000000Z three\n");
}

TEST(PodLog, KeepsAnUnfinishedLastLine) {
  PodLog log;
  log.Append("no newline", kStart);
  EXPECT_EQ(log.Read({}), "");
  log.Close(kStart);
  EXPECT_EQ(log.Read({}), "no newline\n");
  EXPECT_TRUE(log.is_closed());
}

TEST(PodLog, KeepsTheNewestWithinItsBound) {
  PodLog log;
  for (int i = 0; i < 10'000; ++i) log.Append(std::to_string(i) + " some words\n", kStart);
  const std::string text = log.Read({});
  EXPECT_LE(text.size(), kLogBytesMax);
  EXPECT_GE(text.size(), kLogBytesMax - 100);
  EXPECT_EQ(log.next_line(), 10'000u);
  EXPECT_EQ(log.Read({.tail_lines = 1}), "9999 some words\n");
  // A line without an end does not grow without bound either.
  log.Append(std::string(10 * kLogBytesMax, 'x'), kStart);
  EXPECT_LE(log.Read({}).size(), kLogBytesMax);
}

}  // namespace
}  // namespace spawner::local
