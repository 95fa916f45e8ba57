#include "base/bearer_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace spawner {
namespace {

TEST(BearerFile, FollowsTheFileOnceAMinuteAndKeepsTheLastToken) {
  const std::string path = testing::TempDir() + "/bearer";
  unlink(path.c_str());
  BearerFile file(path);
  Instant now{1};
  EXPECT_TRUE(absl::IsUnauthenticated(file.Get(now).status()));
  std::ofstream(path) << "one\n";
  EXPECT_EQ(*file.Get(now), "one");
  std::ofstream(path, std::ios::trunc) << "two";
  EXPECT_EQ(*file.Get(now + absl::Seconds(59)), "one");
  EXPECT_EQ(*file.Get(now + absl::Seconds(60)), "two");
  std::ofstream(path, std::ios::trunc) << "two words";
  EXPECT_EQ(*file.Get(now + absl::Seconds(130)), "two");
  std::ofstream(path, std::ios::trunc) << "three";
  file.Refused();
  EXPECT_EQ(*file.Get(now + absl::Seconds(131)), "three");
}

TEST(BearerFile, IsNoTokenWithoutAPath) { EXPECT_EQ(*BearerFile("").Get({}), ""); }

}  // namespace
}  // namespace spawner
