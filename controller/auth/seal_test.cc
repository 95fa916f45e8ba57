#include "controller/auth/seal.h"

#include <gtest/gtest.h>

#include "base/status.h"
#include "controller/auth/limits.h"

namespace spawner::auth {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

TEST(Seal, TellsTheCallerToWhoeverHasTheSecret) {
  const std::string seal = MakeSeal({.name = "ada", .uid = "7", .groups = {"dev"}}, "secret", kNow);
  const auto caller = OpenSeal(seal, "secret", kNow + absl::Seconds(5));
  ASSERT_TRUE(caller.ok()) << caller.status();
  EXPECT_EQ((*caller)->name, "ada");
  EXPECT_EQ((*caller)->uid, "7");
  EXPECT_EQ((*caller)->groups, (std::vector<std::string>{"dev"}));
}

TEST(Seal, IsRefusedWhenForgedOldOrNotReadable) {
  const std::string seal = MakeSeal({.name = "ada"}, "secret", kNow);
  const absl::Time late = kNow + kSealGoodFor + absl::Seconds(1);
  EXPECT_EQ(ReasonOf(OpenSeal(seal, "other", kNow).status()), "TOKEN_INVALID");
  EXPECT_EQ(ReasonOf(OpenSeal(seal, "", kNow).status()), "TOKEN_INVALID");
  EXPECT_EQ(ReasonOf(OpenSeal(seal, "secret", late).status()), "TOKEN_INVALID");
  EXPECT_EQ(ReasonOf(OpenSeal("1", "secret", kNow).status()), "TOKEN_INVALID");
  for (size_t i = 0; i < seal.size(); ++i) {
    std::string changed = seal;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(OpenSeal(changed, "secret", kNow).ok()) << i;
  }
}

}  // namespace
}  // namespace spawner::auth
