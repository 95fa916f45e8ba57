#include "base/flags.h"

#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

ABSL_FLAG(std::string, flags_test_name, "", "A name.");
ABSL_FLAG(bool, flags_test_switch, false, "On or off.");
ABSL_FLAG(absl::Duration, flags_test_wait, absl::Seconds(1), "A duration such as 5s.");

namespace spawner {
namespace {

const Program kProgram = {.name = "test", .about = "Test.", .flag_files = "flags_test"};

absl::Status Parse(std::vector<std::string> arguments, std::vector<std::string>* rest) {
  return ParseFlags(kProgram, arguments, rest);
}

TEST(Flags, TakesAllForms) {
  std::vector<std::string> rest;
  ASSERT_TRUE(
      Parse({"--flags_test_name=a", "x", "--flags_test_switch", "--flags_test_wait", "5s"}, &rest)
          .ok());
  EXPECT_EQ(absl::GetFlag(FLAGS_flags_test_name), "a");
  EXPECT_TRUE(absl::GetFlag(FLAGS_flags_test_switch));
  EXPECT_EQ(absl::GetFlag(FLAGS_flags_test_wait), absl::Seconds(5));
  EXPECT_EQ(rest, std::vector<std::string>{"x"});
  ASSERT_TRUE(Parse({"--noflags-test-switch"}, &rest).ok());
  EXPECT_FALSE(absl::GetFlag(FLAGS_flags_test_switch));
}

TEST(Flags, NamesTheFlagThatIsWrong) {
  std::vector<std::string> rest;
  EXPECT_NE(Parse({"--nonsense"}, &rest).message().find("--nonsense: no such flag"),
            absl::string_view::npos);
  EXPECT_NE(Parse({"--flags_test_wait=soon"}, &rest).message().find("--flags-test-wait: \"soon\""),
            absl::string_view::npos);
  EXPECT_NE(Parse({"--flags_test_wait"}, &rest).message().find("needs a value"),
            absl::string_view::npos);
}

}  // namespace
}  // namespace spawner
