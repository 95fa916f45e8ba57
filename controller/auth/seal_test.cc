#include "controller/auth/seal.h"

#include <gtest/gtest.h>

#include "base/status.h"
#include "controller/auth/limits.h"

namespace spawner::auth {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

TEST(Seal, TellsTheCallerToWhoeverHasTheSecret) {
  const std::string seal =
      MakeSeal({.name = "ada", .uid = "7", .groups = {"dev"}}, "r1", "secret", kNow);
  const auto caller = OpenSeal(seal, "r1", "secret", kNow + absl::Seconds(5));
  ASSERT_TRUE(caller.ok()) << caller.status();
  EXPECT_EQ((*caller)->name, "ada");
  EXPECT_EQ((*caller)->uid, "7");
  EXPECT_EQ((*caller)->groups, (std::vector<std::string>{"dev"}));
}

TEST(Seal, IsRefusedWhenForgedOldOrNotReadable) {
  const std::string seal = MakeSeal({.name = "ada"}, "r1", "secret", kNow);
  const absl::Time late = kNow + kSealGoodFor + absl::Seconds(1);
  EXPECT_EQ(ReasonOf(OpenSeal(seal, "r1", "other", kNow).status()), "TOKEN_INVALID");
  EXPECT_EQ(ReasonOf(OpenSeal(seal, "r1", "", kNow).status()), "TOKEN_INVALID");
  EXPECT_EQ(ReasonOf(OpenSeal(seal, "r1", "secret", late).status()), "TOKEN_INVALID");
  EXPECT_EQ(ReasonOf(OpenSeal("1", "r1", "secret", kNow).status()), "TOKEN_INVALID");
  for (size_t i = 0; i < seal.size(); ++i) {
    std::string changed = seal;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(OpenSeal(changed, "r1", "secret", kNow).ok()) << i;
  }
}

TEST(Seal, IsForOneRequestOnly) {
  const std::string seal = MakeSeal({.name = "ada"}, "r1", "secret", kNow);
  EXPECT_TRUE(OpenSeal(seal, "r1", "secret", kNow).ok());
  EXPECT_EQ(ReasonOf(OpenSeal(seal, "r2", "secret", kNow).status()), "TOKEN_INVALID");
  // What can't be known is not believed, nor is a seal for it.
  const std::string open = MakeSeal({.name = "ada"}, "", "secret", kNow);
  EXPECT_FALSE(OpenSeal(open, "", "secret", kNow).ok());
  EXPECT_FALSE(OpenSeal(seal, "", "secret", kNow).ok());
}

}  // namespace
}  // namespace spawner::auth
