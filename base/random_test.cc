#include "base/random.h"

#include <gtest/gtest.h>

namespace spawner {
namespace {

TEST(Random, SameSeedSameSequence) {
  SeededRandom a(7), b(7), c(8);
  EXPECT_EQ(a.Next(), b.Next());
  EXPECT_NE(a.Next(), c.Next());
}

TEST(Random, BelowStaysBelowAndReachesAll) {
  SeededRandom random(1);
  bool seen[5] = {};
  for (int i = 0; i < 1000; ++i) {
    const uint64_t n = random.Below(5);
    ASSERT_LT(n, 5u);
    seen[n] = true;
  }
  for (const bool s : seen) EXPECT_TRUE(s);
  EXPECT_EQ(random.Below(0), 0u);
}

TEST(Random, Base32IsALowercaseDnsLabel) {
  SystemRandom random;
  const std::string id = random.Base32(26);
  EXPECT_EQ(id.size(), 26u);
  EXPECT_EQ(id.find_first_not_of("abcdefghijklmnopqrstuvwxyz234567"), std::string::npos);
  EXPECT_NE(id, random.Base32(26));
}

}  // namespace
}  // namespace spawner
