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

TEST(Flags, OnesThatMayBeRepeatedAddUp) {
  Program program = kProgram;
  program.repeatable = {"flags-test-name"};
  std::vector<std::string> rest;
  ASSERT_TRUE(ParseFlags(program, {"--flags-test-name=a,b", "--flags-test-name", "c"}, &rest).ok());
  EXPECT_EQ(absl::GetFlag(FLAGS_flags_test_name), "a,b,c");
  ASSERT_TRUE(ParseFlags(program, {}, &rest).ok());
  EXPECT_EQ(absl::GetFlag(FLAGS_flags_test_name), "") << "each command line stands for itself";
  EXPECT_TRUE(rest.empty());
}

TEST(Flags, HelpNamesEachWithItsDefault) {
  const std::string help = HelpText(kProgram);
  EXPECT_NE(help.find("  --flags-test-wait\n      A duration such as 5s. Default: 1s.\n"),
            std::string::npos)
      << help;
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
