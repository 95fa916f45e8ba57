#include "proxy/route/verify_budget.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "gtest/gtest.h"
#include "proxy/route/limits.h"

namespace spawner::proxy {
namespace {

// How many bad signatures of this address are looked at now.
int SpendAll(VerifyBudget& budget, absl::string_view ip, Instant now) {
  int spent = 0;
  while (budget.Allows(ip, now)) {
    budget.Spend(ip);
    ++spent;
  }
  return spent;
}

TEST(VerifyBudget, OneAddressHasItsOwnAndOthersDoNotSuffer) {
  VerifyBudget budget;
  const Instant now = Instant{} + absl::Seconds(100);
  EXPECT_EQ(SpendAll(budget, "192.0.2.1", now), kBadSignaturesPerAddress);
  EXPECT_TRUE(budget.Allows("192.0.2.2", now));
  EXPECT_FALSE(budget.Allows("192.0.2.1", now + absl::Seconds(9)));
  EXPECT_TRUE(budget.Allows("192.0.2.1", now + kAddressWindow));
}

TEST(VerifyBudget, ManyAddressesTogetherGetHalfAndStrangersTheRest) {
  VerifyBudget budget;
  const Instant now = Instant{} + absl::Seconds(100);
  int spent = 0;
  for (int i = 0; i < 100; ++i) spent += SpendAll(budget, absl::StrCat("192.0.2.", i), now);
  EXPECT_GE(spent, kBadSignaturesPerSuspect);
  EXPECT_LE(spent, kBadSignaturesPerSecond);
  EXPECT_TRUE(budget.Allows("198.51.100.1", now));
  // Addresses without end: the worker's share holds, and so does the memory.
  for (int i = 0; i < 10'000; ++i) {
    const std::string ip = absl::StrCat("2001:db8:", i, "::1");
    if (!budget.Allows(ip, now)) continue;
    budget.Spend(ip);
    ++spent;
  }
  EXPECT_EQ(spent, kBadSignaturesPerSecond);
  EXPECT_LE(budget.addresses(), static_cast<size_t>(kBadSignaturesPerSecond));
  EXPECT_TRUE(budget.Allows("198.51.100.1", now + absl::Seconds(1)));
}

TEST(VerifyBudget, ASlash64SharesOneAndMappedAddressesDoNot) {
  EXPECT_EQ(BudgetKey("2001:db8::1"), BudgetKey("2001:db8::ffff:2"));
  EXPECT_NE(BudgetKey("2001:db8::1"), BudgetKey("2001:db8:0:1::1"));
  EXPECT_NE(BudgetKey("::ffff:192.0.2.1"), BudgetKey("::ffff:192.0.2.2"));
  EXPECT_NE(BudgetKey("192.0.2.1"), BudgetKey("192.0.2.2"));
}

}  // namespace
}  // namespace spawner::proxy
