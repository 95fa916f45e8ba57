#include "controller/api/filter.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace spawner::api {
namespace {

core::ListParams Parse(absl::string_view filter) {
  core::ListParams params;
  const absl::Status status = ParseFilter(filter, params);
  EXPECT_TRUE(status.ok()) << status;
  return params;
}

std::string ErrorOf(absl::string_view filter) {
  core::ListParams params;
  const absl::Status status = ParseFilter(filter, params);
  EXPECT_EQ(ReasonOf(status), "INVALID_FIELD") << filter;
  return std::string(status.message());
}

TEST(Filter, ReadsEveryTerm) {
  const core::ListParams params =
      Parse("state=READY AND key:\"my doc\" AND labels.team=blue AND labels.x/y=");
  EXPECT_EQ(params.state, SessionState::kReady);
  EXPECT_EQ(params.key_prefix, "my doc");
  EXPECT_EQ(params.labels, (std::map<std::string, std::string>{{"team", "blue"}, {"x/y", ""}}));
  EXPECT_EQ(Parse("").state, std::nullopt);
  EXPECT_EQ(Parse("  ").key_prefix, "");
}

TEST(Filter, SaysWhatIsAllowed) {
  EXPECT_EQ(ErrorOf("state=UP"),
            "filter: state=UP: no such state; allowed are PENDING, STARTING, READY, DRAINING, "
            "TERMINATING, TERMINATED");
  EXPECT_EQ(
      ErrorOf("node=a"),
      "filter: 'node=a' is no term; allowed are terms joined by AND: state=READY, key:PREFIX, "
      "labels.NAME=VALUE");
  for (const char* filter :
       {"state=READY key:a", "state=READY AND", "AND", "state=READY OR key:a", "key:\"a",
        "key:", "state=READY AND state=READY", "key:a AND key:b", "labels.x=1 AND labels.x=2",
        "labels.=1", "labels.x", "state=ready", "key:a\nb"}) {
    ErrorOf(filter);
  }
}

TEST(Filter, IsBounded) {
  EXPECT_EQ(ErrorOf(std::string(4097, 'a')), "filter: 4097 bytes; at most 4096 are allowed");
  std::string filter = "key:a";
  for (int i = 0; i < 16; ++i) absl::StrAppend(&filter, " AND labels.l", i, "=v");
  ErrorOf(filter);
}

}  // namespace
}  // namespace spawner::api
