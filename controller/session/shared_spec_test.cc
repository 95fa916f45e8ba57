#include "controller/session/shared_spec.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace spawner {
namespace {

std::string TextOf(int n) {
  SessionSpec spec;
  spec.image = absl::StrCat("demo:", n);
  return EncodeSpec(spec);
}

TEST(SharedSpec, IsComparedByWhatItSays) {
  SessionSpec demo;
  demo.image = "demo";
  const SharedSpec a(demo);
  const SharedSpec b(demo);
  EXPECT_EQ(a->image, "demo");
  EXPECT_TRUE(a == b);
  EXPECT_FALSE(a == SharedSpec());
}

TEST(SpecPool, GivesTheSameObjectForTheSameText) {
  SpecPool pool;
  const auto a = pool.Decode(TextOf(1));
  const auto b = pool.Decode(TextOf(1));
  const auto c = pool.Decode(TextOf(2));
  ASSERT_TRUE(a.ok() && b.ok() && c.ok());
  EXPECT_EQ(&**a, &**b);
  EXPECT_NE(&**a, &**c);
  EXPECT_EQ((*c)->image, "demo:2");
  EXPECT_FALSE(pool.Decode("[]").ok());
  EXPECT_EQ(pool.size(), 2u);
}

TEST(SpecPool, ForgetsWhatNobodyHolds) {
  SpecPool pool;
  std::vector<SharedSpec> held;
  for (int n = 0; n < 10000; ++n) {
    const auto spec = pool.Decode(TextOf(n));
    ASSERT_TRUE(spec.ok());
    if (n % 100 == 0) held.push_back(*spec);
  }
  EXPECT_LE(pool.size(), 4 * held.size());
  EXPECT_EQ(&**pool.Decode(TextOf(500)), &*held[5]);
}

}  // namespace
}  // namespace spawner
