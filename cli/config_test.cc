#include "cli/config.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "absl/strings/str_cat.h"

namespace spawner::cli {
namespace {

TEST(Config, WhatIsWrittenIsRead) {
  Config config;
  config.current = "prod";
  config.contexts["prod"] = {.address = "a:1", .ns = "team", .token = "t: #\"x\"", .ca = "/ca"};
  config.contexts["yes"] = {.address = "b:1", .token_file = "/run/token", .server_name = "true"};
  const auto read = ParseConfig(WriteConfig(config));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->current, "prod");
  EXPECT_EQ(read->contexts.at("prod").token, "t: #\"x\"");
  EXPECT_EQ(read->contexts.at("prod").ns, "team");
  EXPECT_EQ(read->contexts.at("yes").token_file, "/run/token");
  EXPECT_EQ(read->contexts.at("yes").server_name, "true");
}

TEST(Config, SaysWhatItDoesNotKnow) {
  EXPECT_EQ(ParseConfig("contexts: {a: {adress: x}}").status().message(),
            "context a: \"adress\" is no member of a context");
  EXPECT_EQ(ParseConfig("kurrent: x").status().message(),
            "\"kurrent\" is not current or contexts, or has the wrong form");
  EXPECT_EQ(ParseConfig("[1]").status().message(), "it is no map of current and contexts");
  EXPECT_EQ(std::string(ParseConfig("{").status().message()).rfind("not YAML: ", 0), 0u);
  EXPECT_TRUE(ParseConfig("").ok());
  EXPECT_TRUE(ParseConfig("contexts:\n").ok());
}

TEST(Config, IsFoundAsTheEnvironmentSays) {
  std::map<std::string, std::string> set;
  const auto environment = [&set](const char* name) { return set[name]; };
  EXPECT_EQ(ConfigPath(environment), "");
  set["HOME"] = "/home/ada";
  EXPECT_EQ(ConfigPath(environment), "/home/ada/.config/spawner/config.yaml");
  set["XDG_CONFIG_HOME"] = "/x";
  EXPECT_EQ(ConfigPath(environment), "/x/spawner/config.yaml");
  set["SPAWNER_CONFIG"] = "/mine";
  EXPECT_EQ(ConfigPath(environment), "/mine");
}

TEST(Config, IsSavedForItsOwnerAloneAndAFileThatOthersMayReadIsWarnedOf) {
  const std::string path = absl::StrCat(testing::TempDir(), "/new/folder/config.yaml");
  std::string warning;
  EXPECT_TRUE(LoadConfig(path, &warning)->contexts.empty());
  Config config;
  config.contexts["a"].address = "a:1";
  ASSERT_TRUE(SaveConfig(path, config).ok());
  EXPECT_EQ(LoadConfig(path, &warning)->contexts.size(), 1u);
  EXPECT_EQ(warning, "");
  struct stat info{};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  EXPECT_TRUE(LoadConfig(path, &warning).ok());
  EXPECT_EQ(warning,
            absl::StrCat(path, " may be read by others and can hold tokens: chmod 600 ", path));
}

}  // namespace
}  // namespace spawner::cli
