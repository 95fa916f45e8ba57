#include "base/time_text.h"

#include <gtest/gtest.h>

namespace spawner {
namespace {

TEST(TimeText, ReadsWhatKubernetesWrites) {
  EXPECT_EQ(*ParseRfc3339("2026-01-02T03:04:05Z"), absl::FromUnixSeconds(1767323045));
  EXPECT_EQ(*ParseRfc3339("2026-01-02T03:04:05.000006Z"), absl::FromUnixMicros(1767323045000006));
  EXPECT_EQ(*ParseRfc3339("2026-01-02T05:04:05+02:00"), absl::FromUnixSeconds(1767323045));
}

TEST(TimeText, RefusesAnythingElse) {
  for (const char* text : {"", " ", "infinite-future", "2026-01-02", " 2026-01-02T03:04:05Z",
                           "2026-01-02T03:04:05Z ", "2026-13-02T03:04:05Z", "soon"}) {
    EXPECT_EQ(ParseRfc3339(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(TimeText, WritesWhatItReads) {
  const absl::Time time = absl::FromUnixMicros(1767323045000006);
  EXPECT_EQ(FormatRfc3339(time), "2026-01-02T03:04:05Z");
  EXPECT_EQ(FormatRfc3339Micros(time), "2026-01-02T03:04:05.000006Z");
  EXPECT_EQ(*ParseRfc3339(FormatRfc3339Micros(time)), time);
}

}  // namespace
}  // namespace spawner
