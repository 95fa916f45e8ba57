#include "proxy/route/busy.h"

#include <string>

#include "gtest/gtest.h"

namespace spawner::proxy {
namespace {

TEST(Busy, IsSecondsAndAReason) {
  const auto busy = ParseBusy("600");
  ASSERT_TRUE(busy.has_value());
  EXPECT_EQ(busy->ttl, absl::Seconds(600));
  EXPECT_EQ(busy->reason, "");
  const auto with_reason = ParseBusy("30 ;  exporting; the film ");
  ASSERT_TRUE(with_reason.has_value());
  EXPECT_EQ(with_reason->ttl, absl::Seconds(30));
  EXPECT_EQ(with_reason->reason, "exporting; the film");
  EXPECT_EQ(ParseBusy("0")->ttl, absl::ZeroDuration());
}

TEST(Busy, WhatIsNoneIsNone) {
  for (const char* value : {"", ";", "-1", "1.5", "10s", "true", "99999999999", "2592001"}) {
    EXPECT_FALSE(ParseBusy(value).has_value()) << value;
  }
  EXPECT_FALSE(ParseBusy("1;" + std::string(257, 'x')).has_value());
  EXPECT_EQ(ParseBusy("1;a\xff")->reason, "a?");
}

}  // namespace
}  // namespace spawner::proxy
