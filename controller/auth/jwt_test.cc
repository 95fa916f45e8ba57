#include "controller/auth/jwt.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/base64url.h"
#include "base/status.h"
#include "controller/auth/key_set.h"

namespace spawner::auth {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

std::string NumberOf(const Key& key, const char* name, int width) {
  BIGNUM* number = nullptr;
  EVP_PKEY_get_bn_param(key.get(), name, &number);
  std::string bytes(static_cast<size_t>(width > 0 ? width : BN_num_bytes(number)), '\0');
  BN_bn2binpad(number, reinterpret_cast<unsigned char*>(bytes.data()),
               static_cast<int>(bytes.size()));
  BN_free(number);
  return Base64UrlEncode(bytes);
}

// An issuer with one key of each kind.
class Issuer {
 public:
  Issuer()
      : rsa_(EVP_RSA_gen(2048), EVP_PKEY_free),
        ec_(EVP_EC_gen("P-256"), EVP_PKEY_free),
        ed_(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free) {}

  std::string Keys() const {
    std::string raw(32, '\0');
    size_t size = raw.size();
    EVP_PKEY_get_raw_public_key(ed_.get(), reinterpret_cast<unsigned char*>(raw.data()), &size);
    return JsonText(
        {{"keys",
          {{{"kty", "RSA"},
            {"kid", "r"},
            {"use", "sig"},
            {"alg", "RS256"},
            {"n", NumberOf(rsa_, OSSL_PKEY_PARAM_RSA_N, 0)},
            {"e", NumberOf(rsa_, OSSL_PKEY_PARAM_RSA_E, 0)}},
           {{"kty", "EC"},
            {"kid", "e"},
            {"crv", "P-256"},
            {"x", NumberOf(ec_, OSSL_PKEY_PARAM_EC_PUB_X, 32)},
            {"y", NumberOf(ec_, OSSL_PKEY_PARAM_EC_PUB_Y, 32)}},
           {{"kty", "OKP"}, {"kid", "d"}, {"crv", "Ed25519"}, {"x", Base64UrlEncode(raw)}},
           {{"kty", "oct"}, {"kid", "s"}, {"k", "c2VjcmV0"}}}}});
  }

  std::string Sign(const std::string& algorithm, const std::string& kid, const Json& claims) const {
    const Json header = {{"alg", algorithm}, {"kid", kid}};
    const std::string text =
        absl::StrCat(Base64UrlEncode(JsonText(header)), ".", Base64UrlEncode(JsonText(claims)));
    const Key& key = kid == "r" ? rsa_ : kid == "e" ? ec_ : ed_;
    std::string signature = SignWith(key, kid == "d" ? nullptr : EVP_sha256(), text);
    if (kid == "e") signature = RawOf(signature);
    return absl::StrCat(text, ".", Base64UrlEncode(signature));
  }

 private:
  static std::string SignWith(const Key& key, const EVP_MD* digest, const std::string& text) {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    std::string signature(1024, '\0');
    size_t size = signature.size();
    EVP_DigestSignInit(context, nullptr, digest, nullptr, key.get());
    EXPECT_EQ(EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &size,
                             reinterpret_cast<const unsigned char*>(text.data()), text.size()),
              1);
    EVP_MD_CTX_free(context);
    signature.resize(size);
    return signature;
  }
  static std::string RawOf(const std::string& der) {
    const auto* data = reinterpret_cast<const unsigned char*>(der.data());
    ECDSA_SIG* parts = d2i_ECDSA_SIG(nullptr, &data, static_cast<long>(der.size()));
    std::string raw(64, '\0');
    auto* out = reinterpret_cast<unsigned char*>(raw.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(parts), out, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(parts), out + 32, 32);
    ECDSA_SIG_free(parts);
    return raw;
  }

  const Key rsa_;
  const Key ec_;
  const Key ed_;
};

bool Verifies(const KeySet& keys, const std::string& token) {
  const auto jwt = ParseJwt(token);
  return jwt.has_value() &&
         keys.Verify(jwt->key_id, jwt->algorithm, jwt->signed_text, jwt->signature);
}

TEST(KeySet, VerifiesRs256Es256AndEdDsaOfItsOwnKeysOnly) {
  const Issuer issuer;
  const Issuer other;
  const auto keys = KeySet::Parse(issuer.Keys());
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_EQ(keys->size(), 3u) << "a symmetric key verifies nothing";
  const Json claims = {{"sub", "ada"}};
  const std::pair<const char*, const char*> kKinds[] = {
      {"RS256", "r"}, {"ES256", "e"}, {"EdDSA", "d"}};
  for (const auto& [algorithm, kid] : kKinds) {
    const std::string token = issuer.Sign(algorithm, kid, claims);
    EXPECT_TRUE(Verifies(*keys, token)) << algorithm;
    EXPECT_FALSE(Verifies(*keys, other.Sign(algorithm, kid, claims))) << algorithm;
    std::string changed = token;
    char& letter = changed[token.rfind('.') - 3];
    letter = letter == 'x' ? 'y' : 'x';
    EXPECT_FALSE(Verifies(*keys, changed)) << algorithm;
    // A token can't choose how its key verifies.
    for (const char* lie : {"none", "HS256", "RS512", ""}) {
      EXPECT_FALSE(Verifies(*keys, issuer.Sign(lie, kid, claims))) << algorithm << " as " << lie;
    }
  }
}

TEST(KeySet, RefusesWhatVerifiesNothing) {
  EXPECT_FALSE(KeySet::Parse("{}").ok());
  EXPECT_FALSE(KeySet::Parse("[").ok());
  EXPECT_FALSE(KeySet::Parse(R"({"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]})").ok())
      << "17 bits are no key";
  EXPECT_FALSE(KeySet::Parse(R"({"keys": [{"kty": "EC", "crv": "P-256", "x": "", "y": 7}]})").ok());
}

Json GoodClaims() {
  return {{"iss", "https://issuer.test"},
          {"aud", {"other", "spawner"}},
          {"sub", "ada"},
          {"exp", absl::ToUnixSeconds(kNow) + 60},
          {"groups", {"dev", 7, "ops"}}};
}

JwtTerms Terms() { return {.issuer = "https://issuer.test", .audiences = {"spawner"}}; }

TEST(ReadClaims, MakesACallerWithPrefixedNames) {
  const auto read = ReadClaims(GoodClaims(), Terms(), kNow);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->caller->name, "oidc:ada");
  EXPECT_EQ(read->caller->groups, (std::vector<std::string>{"oidc:dev", "oidc:ops"}));
  EXPECT_EQ(read->expire_time, kNow + absl::Seconds(60));
}

TEST(ReadClaims, RefusesWhatIsNotForUs) {
  const struct {
    Json patch;
    const char* reason;
    const char* why;
  } kCases[] = {
      {{{"iss", "https://evil.test"}}, "TOKEN_INVALID", "not of https://issuer.test"},
      {{{"aud", "other"}}, "TOKEN_INVALID", "not for the audience spawner"},
      {{{"aud", nullptr}}, "TOKEN_INVALID", "not for the audience"},
      {{{"exp", nullptr}}, "TOKEN_INVALID", "no time of expiry"},
      {{{"exp", "soon"}}, "TOKEN_INVALID", "no time of expiry"},
      {{{"exp", 1}}, "TOKEN_EXPIRED", "has expired"},
      {{{"nbf", absl::ToUnixSeconds(kNow) + 60}}, "TOKEN_INVALID", "not good yet"},
      {{{"sub", ""}}, "TOKEN_INVALID", "no claim sub"},
      {{{"sub", 7}}, "TOKEN_INVALID", "no claim sub"},
      {{{"sub", "a\nb"}}, "TOKEN_INVALID", "no claim sub"},
  };
  for (const auto& bad : kCases) {
    Json claims = GoodClaims();
    claims.merge_patch(bad.patch);
    const auto read = ReadClaims(claims, Terms(), kNow);
    ASSERT_FALSE(read.ok()) << bad.why;
    EXPECT_EQ(ReasonOf(read.status()), bad.reason) << bad.why;
    EXPECT_TRUE(absl::StrContains(read.status().message(), bad.why)) << read.status();
  }
}

TEST(ReadClaims, BelievesNoEmailThatTheIssuerDoesNot) {
  JwtTerms terms = Terms();
  terms.user_claim = "email";
  Json claims = GoodClaims();
  claims["email"] = "ada@issuer.test";
  EXPECT_TRUE(ReadClaims(claims, terms, kNow).ok());
  claims["email_verified"] = false;
  EXPECT_EQ(ReasonOf(ReadClaims(claims, terms, kNow).status()), "TOKEN_INVALID");
}

TEST(ParseJwt, IsNothingForOtherTexts) {
  for (const char* text :
       {"", ".", "..", "a.b.c", "e30.e30", "e30.e30.e30.e30", "W10.e30.", "eyJjcml0IjpbXX0.e30."}) {
    EXPECT_FALSE(ParseJwt(text).has_value()) << text;
  }
  EXPECT_TRUE(ParseJwt("e30.e30.").has_value()) << "no signature, but a JWT";
}

}  // namespace
}  // namespace spawner::auth
