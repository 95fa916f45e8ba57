#include "cli/nearest.h"

#include <string>

#include "gtest/gtest.h"

namespace spawner::cli {
namespace {

TEST(Nearest, IsWhatWasMeant) {
  const std::vector<std::string> verbs = {"connect", "get", "watch", "wait", "terminate", "top"};
  EXPECT_EQ(NearestTo("conect", verbs), "connect");
  EXPECT_EQ(NearestTo("connetc", verbs), "connect");
  EXPECT_EQ(NearestTo("wathc", verbs), "");  // two of five letters
  EXPECT_EQ(NearestTo("wach", verbs), "watch");
  EXPECT_EQ(NearestTo("term", verbs), "terminate");
  EXPECT_EQ(NearestTo("gte", verbs), "");
  EXPECT_EQ(NearestTo("ge", verbs), "get");
  EXPECT_EQ(NearestTo("frobnicate", verbs), "");
  EXPECT_EQ(NearestTo("", verbs), "");
  EXPECT_EQ(NearestTo(std::string(100'000, 'x'), verbs), "");
  EXPECT_EQ(NearestTo("connect", {}), "");
}

}  // namespace
}  // namespace spawner::cli
