#include "base/crypto.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"

namespace spawner {
namespace {

std::string Hex(absl::string_view bytes) { return absl::BytesToHexString(bytes); }

TEST(Crypto, MatchesPublishedVectors) {
  // FIPS 180-2 B.1; RFC 4231 4.3; RFC 4648 10; RFC 8032 7.1 TEST 2.
  EXPECT_EQ(Hex(Sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Hex(HmacSha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(Base32Lower("foobar"), "mzxw6ytboi");
  EXPECT_EQ(Base32Lower("fooba"), "mzxw6ytb");
  const auto pair = Ed25519FromSeed(
      absl::HexStringToBytes("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"));
  ASSERT_TRUE(pair.ok());
  EXPECT_EQ(Hex(pair->public_key),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  EXPECT_EQ(Hex(*Ed25519Sign(*pair, "\x72")),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
}

TEST(Crypto, VerifyAcceptsOnlyTheSignedMessage) {
  const auto pair = Ed25519FromSeed(std::string(32, 'k'));
  ASSERT_TRUE(pair.ok());
  std::string signature = *Ed25519Sign(*pair, "message");
  EXPECT_TRUE(Ed25519Verify(pair->public_key, "message", signature));
  EXPECT_FALSE(Ed25519Verify(pair->public_key, "massage", signature));
  EXPECT_FALSE(Ed25519Verify(pair->public_key, "message", "short"));
  EXPECT_FALSE(Ed25519Verify("short", "message", signature));
  signature[0] = static_cast<char>(signature[0] ^ 1);
  EXPECT_FALSE(Ed25519Verify(pair->public_key, "message", signature));
  EXPECT_EQ(Ed25519FromSeed("short").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Crypto, ConstantTimeEqual) {
  EXPECT_TRUE(EqualInConstantTime("ab", "ab"));
  EXPECT_FALSE(EqualInConstantTime("ab", "ac"));
  EXPECT_FALSE(EqualInConstantTime("ab", "abc"));
}

}  // namespace
}  // namespace spawner
