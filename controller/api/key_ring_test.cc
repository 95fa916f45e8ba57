#include "controller/api/key_ring.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"

namespace spawner::api {
namespace {

TEST(KeyRing, ComesBackFromItsSecret) {
  SeededRandom random(1);
  const KeyRing ring = MakeKeyRing(random);
  const std::string json = EncodeSecret(ring, "spawner-system", "spawner-keys");
  const absl::StatusOr<KeyRing> read = DecodeSecret(json);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->signing.id, ring.signing.id);
  EXPECT_EQ(read->signing.pair.private_seed, ring.signing.pair.private_seed);
  EXPECT_EQ(read->verification, ring.verification);
  EXPECT_EQ(read->install_secret, ring.install_secret);
  EXPECT_EQ(ring.install_secret.size(), 32u);
}

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

TEST(KeyRing, ARotationKeepsTheFormerKeyForTheOverlap) {
  SeededRandom random(1);
  const KeyRing first = MakeKeyRing(random);
  const KeyRing second = Rotate(first, absl::Hours(1), kNow, random);
  EXPECT_NE(second.signing.id, first.signing.id);
  EXPECT_NE(RenewalSecret(second.signing), RenewalSecret(first.signing));
  EXPECT_EQ(second.install_secret, first.install_secret);
  ASSERT_EQ(second.verification.size(), 2u);
  EXPECT_EQ(second.verification[0].id, second.signing.id);
  EXPECT_EQ(second.verification[1], first.verification[0]);

  const auto written = UpdateSecret(EncodeSecret(first, "ns", "n"), second);
  ASSERT_TRUE(written.ok()) << written.status();
  absl::StatusOr<KeyRing> read = DecodeSecret(*written);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->verification, second.verification);
  EXPECT_EQ(Retire(*read, kNow + absl::Minutes(59)), kNow + absl::Hours(1));
  EXPECT_EQ(read->verification.size(), 2u);
  EXPECT_EQ(Retire(*read, kNow + absl::Hours(1)), absl::InfiniteFuture());
  ASSERT_EQ(read->verification.size(), 1u);
  EXPECT_EQ(read->verification[0].id, second.signing.id);

  // Who needs the former ones gone does not want to know how many there are.
  EXPECT_EQ(Rotate(second, absl::ZeroDuration(), kNow, random).verification.size(), 1u);
  const KeyRing third = Rotate(second, absl::Hours(2), kNow, random);
  ASSERT_EQ(third.former.size(), 2u);
  EXPECT_EQ(third.former[0].retire_time, kNow + absl::Hours(1));
  EXPECT_EQ(third.former[1].retire_time, kNow + absl::Hours(2));
}

TEST(KeyRing, AnUpdateLeavesWhatIsNotOursInTheSecret) {
  SeededRandom random(1);
  const KeyRing first = MakeKeyRing(random);
  const KeyRing second = Rotate(first, absl::ZeroDuration(), kNow, random);
  std::string json = EncodeSecret(first, "ns", "n");
  json = absl::StrReplaceAll(json, {{"\"data\":{", "\"data\":{\"theirs\":\"YQ==\","},
                                    {"\"name\":", "\"resourceVersion\":\"7\",\"name\":"}});
  const auto written = UpdateSecret(json, second);
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_TRUE(absl::StrContains(*written, "\"theirs\":\"YQ==\"")) << *written;
  EXPECT_TRUE(absl::StrContains(*written, "\"resourceVersion\":\"7\"")) << *written;
  EXPECT_FALSE(absl::StrContains(*written, first.signing.id)) << *written;
  EXPECT_FALSE(UpdateSecret("{}", second).ok());
  EXPECT_FALSE(UpdateSecret("[]", second).ok());
}

TEST(KeyRing, TwoInstallationsShareNothing) {
  SeededRandom random(1);
  const KeyRing a = MakeKeyRing(random);
  const KeyRing b = MakeKeyRing(random);
  EXPECT_NE(a.install_secret, b.install_secret);
  EXPECT_NE(a.signing.pair.private_seed, b.signing.pair.private_seed);
}

TEST(KeyRing, NamesWhatIsMissingInASecret) {
  SeededRandom random(1);
  const std::string json = EncodeSecret(MakeKeyRing(random), "ns", "n");
  EXPECT_EQ(DecodeSecret(R"({"data":{}})").status().message(),
            "data.install-secret: has no 32 bytes");
  EXPECT_EQ(
      DecodeSecret(absl::StrReplaceAll(json, {{"\"active\"", "\"other\""}})).status().message(),
      "data.active: is missing");
  EXPECT_EQ(DecodeSecret(absl::StrReplaceAll(json, {{"ed25519.", "rsa."}})).status().message(),
            "data.active: names a key that is not there");
  EXPECT_EQ(DecodeSecret(R"({"data":{"install-secret":"%"}})").status().message(),
            "data.install-secret: is no base64");
  EXPECT_FALSE(DecodeSecret(R"({"data":{"ed25519.a":"YQ=="}})").ok());
  EXPECT_FALSE(DecodeSecret("[]").ok());
  EXPECT_FALSE(DecodeSecret("").ok());
}

}  // namespace
}  // namespace spawner::api
