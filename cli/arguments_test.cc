#include "cli/arguments.h"

#include <gtest/gtest.h>

namespace spawner::cli {
namespace {

const std::vector<Flag>& Flags() {
  static const auto* const flags = new std::vector<Flag>{{"output", "FORMAT", "", 'o'},
                                                         {"env", "NAME=VALUE", "", 'e', true},
                                                         {"hard", nullptr, ""},
                                                         {"grace", "DURATION", ""},
                                                         {"epoch", "N", ""}};
  return *flags;
}

TEST(Arguments, FlagsStandAnywhereAndTheRestIsKept) {
  const auto arguments = ParseArguments({"session", "--grace", "30s", "abc", "-ojson", "--hard",
                                         "-e", "A=1", "--env=B=x=y", "--", "sh", "-c", "exit 3"},
                                        Flags());
  ASSERT_TRUE(arguments.ok()) << arguments.status();
  EXPECT_EQ(arguments->positionals, (std::vector<std::string>{"session", "abc"}));
  EXPECT_EQ(arguments->Get("output"), "json");
  EXPECT_TRUE(arguments->Has("hard"));
  EXPECT_EQ(**arguments->Duration("grace"), absl::Seconds(30));
  EXPECT_EQ((*arguments->Pairs("env"))["B"], "x=y");
  EXPECT_EQ(arguments->trailing, (std::vector<std::string>{"sh", "-c", "exit 3"}));
  EXPECT_EQ(arguments->Get("absent", "default"), "default");
  EXPECT_FALSE(arguments->Int("epoch")->has_value());
}

TEST(Arguments, FlagsBeforeTheVerbAreCountedWithTheirValues) {
  EXPECT_EQ(CountFlags({"-o", "json", "--hard", "--grace=3s", "get", "-o"}, Flags()), 4u);
  EXPECT_EQ(CountFlags({"-ojson", "get"}, Flags()), 1u);
  EXPECT_EQ(CountFlags({"get", "-ojson"}, Flags()), 0u);
  EXPECT_EQ(CountFlags({"--hard", "--softly", "get"}, Flags()), 1u);
  EXPECT_EQ(CountFlags({"--", "get"}, Flags()), 0u);
  EXPECT_EQ(CountFlags({"-o"}, Flags()), 1u);
  EXPECT_EQ(CountFlags({}, Flags()), 0u);
}

TEST(Arguments, EachMistakeIsNamed) {
  const auto error = [](std::vector<std::string> words) {
    return std::string(ParseArguments(words, Flags()).status().message());
  };
  EXPECT_EQ(error({"--harder=1"}), "unknown flag --harder; did you mean --hard?");
  EXPECT_EQ(error({"--softly"}),
            "unknown flag --softly; there are: --output --env --hard --grace --epoch");
  EXPECT_EQ(error({"-x"}).substr(0, 15), "unknown flag -x");
  EXPECT_EQ(error({"--grace"}), "--grace needs a value: --grace=DURATION");
  EXPECT_EQ(error({"--hard=yes"}), "--hard takes no value");
  EXPECT_EQ(error({"--grace=1s", "--grace=2s"}), "--grace is given twice");
  EXPECT_EQ(ParseArguments({"--grace=30"}, Flags())->Duration("grace").status().message(),
            "--grace: \"30\" is not a duration; write 30s, 5m or 1h30m");
  EXPECT_EQ(ParseArguments({"--epoch=x"}, Flags())->Int("epoch").status().message(),
            "--epoch: \"x\" is not a whole number");
  EXPECT_EQ(ParseArguments({"--env==x"}, Flags())->Pairs("env").status().message(),
            "--env: \"=x\" is not NAME=VALUE");
}

}  // namespace
}  // namespace spawner::cli
