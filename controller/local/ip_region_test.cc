#include "controller/local/ip_region.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "controller/local/ip_pool.h"
#include "gtest/gtest.h"

namespace spawner::local {
namespace {

TEST(IpRegion, TwoNeverShareAnAddress) {
  auto one = IpRegion::Claim();
  auto two = IpRegion::Claim();
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_NE(one->number(), two->number());
  IpPool pool(one->number());
  const std::string prefix = absl::StrCat("127.", 64 + one->number(), ".");
  for (int i = 0; i < 70'000; ++i) {
    const std::string ip = pool.Take();
    ASSERT_TRUE(absl::StartsWith(ip, prefix)) << ip;
    pool.Return(ip);
  }
}

TEST(IpRegion, IsFreeAgainWhenItsOwnerIsGone) {
  uint32_t first = 0;
  {
    auto region = IpRegion::Claim();
    ASSERT_TRUE(region.ok());
    first = region->number();
  }
  bool is_seen = false;
  // Another process may have taken it meanwhile, never all of them.
  for (int i = 0; i < 100 && !is_seen; ++i) {
    auto region = IpRegion::Claim();
    ASSERT_TRUE(region.ok());
    is_seen = region->number() == first;
  }
  EXPECT_TRUE(is_seen);
}

}  // namespace
}  // namespace spawner::local
