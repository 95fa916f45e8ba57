#include "base/token.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/base64url.h"
#include "base/status.h"

namespace spawner {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

SigningKey KeyNamed(const std::string& id) {
  return {id, *Ed25519FromSeed(std::string(32, id[0]))};
}

std::vector<VerificationKey> Ring(const SigningKey& key) {
  return {{"other", std::string(32, 'x')}, {key.id, key.pair.public_key}};
}

Grant Example() {
  return {.id = "g-1",
          .ns = "default",
          .session = {"k7x2"},
          .user = "Zoë",
          .claims_json = R"({"role":"editor","level":[1,2,{"deep":true}]})",
          .issued_at = kNow,
          .expires_at = kNow + absl::Hours(1)};
}

// A token of any header and payload, rightly signed.
std::string Forge(const SigningKey& key, absl::string_view header, absl::string_view payload) {
  std::string token = absl::StrCat(Base64UrlEncode(header), ".", Base64UrlEncode(payload));
  const std::string signature = *Ed25519Sign(key.pair, token);
  return absl::StrCat(token, ".", Base64UrlEncode(signature));
}

constexpr char kHeader[] = R"({"alg":"EdDSA","kid":"a","typ":"JWT"})";
constexpr char kPayload[] =
    R"({"iss":"spawner","sub":"u","sid":"s","ns":"n","jti":"j","iat":1800000000,"exp":1800003600})";

TEST(Base64Url, RefusesEveryTextThatIsNotTheOneOfItsBytes) {
  EXPECT_EQ(Base64UrlEncode("\xfb\xff"), "-_8");
  EXPECT_EQ(Base64UrlDecode("-_8"), "\xfb\xff");
  EXPECT_EQ(Base64UrlDecode(""), "");
  for (const char* text : {"-_8=", "+/8", "-_9", "A", "AA AA", "AAAA\n", "-_8.", "AB"}) {
    EXPECT_FALSE(Base64UrlDecode(text).has_value()) << text;
  }
  std::string bytes;
  for (int i = 0; i < 600; ++i) {
    EXPECT_EQ(Base64UrlDecode(Base64UrlEncode(bytes)), bytes);
    bytes.push_back(static_cast<char>(i * 7));
  }
}

TEST(Token, SaysWhatWasSigned) {
  const SigningKey key = KeyNamed("a");
  const std::string token = *SignGrant(Example(), key);
  EXPECT_EQ(token, *SignGrant(Example(), key));
  const absl::StatusOr<Grant> grant = VerifyGrant(token, Ring(key), kNow);
  ASSERT_TRUE(grant.ok()) << grant.status();
  Grant expected = Example();
  expected.claims_json = R"({"level":[1,2,{"deep":true}],"role":"editor"})";
  EXPECT_EQ(*grant, expected);
}

TEST(Token, AcceptsWhatIsSignedWithTheFormatOfTheContract) {
  const SigningKey key = KeyNamed("a");
  const absl::StatusOr<Grant> grant = VerifyGrant(Forge(key, kHeader, kPayload), Ring(key), kNow);
  ASSERT_TRUE(grant.ok()) << grant.status();
  EXPECT_EQ(grant->claims_json, "{}");
}

TEST(Token, OfOneUseSaysInWhichTermAndLivesNoLongerThanThatIsRemembered) {
  const SigningKey key = KeyNamed("a");
  Grant grant = Example();
  grant.one_time_in = 7;
  EXPECT_EQ(SignGrant(grant, key).status().code(), absl::StatusCode::kInvalidArgument);
  grant.expires_at = kNow + kOneTimeTtlMax;
  EXPECT_EQ(VerifyGrant(*SignGrant(grant, key), Ring(key), kNow)->one_time_in, 7u);
  const std::string payload = kPayload;
  for (const char* bad : {R"(,"one":0})", R"(,"one":-1})", R"(,"one":"7"})", R"(,"one":true})",
                          R"(,"one":4294967296})", R"(,"one":7})"}) {  // the last one: for an hour
    const std::string token =
        Forge(key, kHeader, absl::StrCat(payload.substr(0, payload.size() - 1), bad));
    EXPECT_EQ(ReasonOf(VerifyGrant(token, Ring(key), kNow).status()), "TOKEN_INVALID") << bad;
  }
}

TEST(Token, EndsAtItsExpiry) {
  const SigningKey key = KeyNamed("a");
  const std::string token = *SignGrant(Example(), key);
  EXPECT_TRUE(VerifyGrant(token, Ring(key), kNow + absl::Seconds(3599.9)).ok());
  const absl::Status status = VerifyGrant(token, Ring(key), kNow + absl::Hours(1)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(ReasonOf(status), "TOKEN_EXPIRED");
}

TEST(Token, RefusesEveryChangeOfOneByte) {
  const SigningKey key = KeyNamed("a");
  const std::string token = *SignGrant(Example(), key);
  for (size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    const absl::Status status = VerifyGrant(changed, Ring(key), kNow).status();
    EXPECT_EQ(ReasonOf(status), "TOKEN_INVALID") << i;
    EXPECT_FALSE(VerifyGrant(token.substr(0, i), Ring(key), kNow).ok()) << i;
  }
  EXPECT_FALSE(VerifyGrant(token + ".", Ring(key), kNow).ok());
  EXPECT_FALSE(VerifyGrant(std::string(1'000'000, '.'), Ring(key), kNow).ok());
}

TEST(Token, RefusesAnyHeaderButItsOwn) {
  const SigningKey key = KeyNamed("a");
  for (const char* header :
       {R"({"alg":"none","kid":"a","typ":"JWT"})", R"({"alg":"HS256","kid":"a","typ":"JWT"})",
        R"({"alg":"eddsa","kid":"a","typ":"JWT"})", R"({"alg":"EdDSA","typ":"JWT"})",
        R"({"alg":"EdDSA","kid":"a"})", R"({"alg":"EdDSA","kid":"b","typ":"JWT"})",
        R"({"alg":"EdDSA","kid":["a"],"typ":"JWT"})",
        R"({"alg":"EdDSA","kid":"a","typ":"JWT","crit":["x"]})", R"([])", "", "{"}) {
    const absl::Status status = VerifyGrant(Forge(key, header, kPayload), Ring(key), kNow).status();
    EXPECT_EQ(ReasonOf(status), "TOKEN_INVALID") << header;
  }
}

TEST(Token, RefusesAPayloadThatIsNoGrantThoughItsSignatureIsRight) {
  const SigningKey key = KeyNamed("a");
  for (
      const char* payload :
      {"", "{}", "[]",
       R"({"iss":"x","sub":"u","sid":"s","ns":"n","jti":"j","iat":1,"exp":1800003600})",
       R"({"iss":"spawner","sub":1,"sid":"s","ns":"n","jti":"j","iat":1,"exp":1800003600})",
       R"({"iss":"spawner","sub":"u\n","sid":"s","ns":"n","jti":"j","iat":1,"exp":1800003600})",
       R"({"iss":"spawner","sub":"u","sid":"s","ns":"n","jti":"j","iat":1,"exp":"1800003600"})",
       R"({"iss":"spawner","sub":"u","sid":"s","ns":"n","jti":"j","iat":1,"exp":1e300})",
       R"({"iss":"spawner","sub":"u","sid":"s","ns":"n","jti":"j","iat":1})",
       R"({"iss":"spawner","sub":"u","sid":"","ns":"n","jti":"j","iat":1,"exp":1800003600})",
       R"({"iss":"spawner","sid":"s","ns":"n","jti":"j","iat":1,"exp":1800003600,"claims":[1]})"}) {
    const absl::Status status = VerifyGrant(Forge(key, kHeader, payload), Ring(key), kNow).status();
    EXPECT_EQ(ReasonOf(status), "TOKEN_INVALID") << payload;
  }
}

TEST(Token, RefusesTheRightNameWithAnotherKey) {
  const SigningKey key = KeyNamed("a");
  const std::string token = *SignGrant(Example(), key);
  EXPECT_FALSE(VerifyGrant(token, {{"a", KeyNamed("b").pair.public_key}}, kNow).ok());
  EXPECT_FALSE(VerifyGrant(token, {{"a", "short"}}, kNow).ok());
  EXPECT_FALSE(VerifyGrant(token, {}, kNow).ok());
}

TEST(Token, LimitsAreOfTheUserTheClaimsAndTheWhole) {
  const SigningKey key = KeyNamed("a");
  Grant grant = Example();
  grant.user = std::string(256, 'u');
  grant.claims_json = absl::StrCat(R"({"a":")", std::string(2040, 'x'), R"("})");
  ASSERT_EQ(grant.claims_json.size(), 2048u);
  const absl::StatusOr<std::string> token = SignGrant(grant, key);
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_TRUE(VerifyGrant(*token, Ring(key), kNow).ok());

  grant.claims_json = absl::StrCat(R"({"a":")", std::string(2041, 'x'), R"("})");
  EXPECT_EQ(SignGrant(grant, key).status().message(),
            "grant.claims: 2049 bytes of JSON; at most 2048 are allowed");
  grant.claims_json = "[]";
  EXPECT_EQ(SignGrant(grant, key).status().message(), "grant.claims: must be a JSON object");
  grant.claims_json = "";
  grant.user = std::string(257, 'u');
  EXPECT_EQ(ReasonOf(SignGrant(grant, key).status()), "INVALID_FIELD");
  grant.user = "a\rb";
  EXPECT_EQ(SignGrant(grant, key).status().message(),
            "grant.user: control characters are not allowed");
  grant.user = "u";
  grant.ns = std::string(4000, 'n');
  EXPECT_EQ(ReasonOf(SignGrant(grant, key).status()), "INVALID_FIELD");
}

TEST(Token, ClaimsCanBeAHeadersValue) {
  const SigningKey key = KeyNamed("a");
  Grant grant = Example();
  grant.claims_json = "{\"name\":\"Zoë \\n\x7f\"}";
  const absl::StatusOr<Grant> verified = VerifyGrant(*SignGrant(grant, key), Ring(key), kNow);
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_EQ(verified->claims_json, "{\"name\":\"Zo\\u00eb \\n\\u007f\"}");
}

}  // namespace
}  // namespace spawner
