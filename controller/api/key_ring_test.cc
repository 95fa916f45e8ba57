#include "controller/api/key_ring.h"

#include <gtest/gtest.h>

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
