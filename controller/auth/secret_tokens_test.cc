#include "controller/auth/secret_tokens.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/crypto.h"
#include "base/status.h"
#include "controller/auth/limits.h"
#include "controller/kube/fake_http_transport.h"
#include "controller/kube/http_kube_client.h"

namespace spawner::auth {
namespace {

constexpr char kOne[] = "0123456789abcdef-one";
constexpr char kTwo[] = "0123456789abcdef-two";

std::string SecretOf(const std::string& lines, const std::string& more = "") {
  return absl::StrCat(R"({"kind": "Secret", "data": {"tokens": ")", absl::Base64Escape(lines),
                      R"(", "more": ")", absl::Base64Escape(more), "\"}}");
}

class SecretTokensTest : public testing::Test {
 protected:
  // The next read, when it is due.
  void Read(int code, const std::string& body) {
    tokens_.Step(now_);
    transport_.Answer(transport_.last(), code, body);
    now_ = now_ + kSecretReadEvery;
  }
  bool Knows(const char* token) const { return tokens_.Find(Sha256(token)) != nullptr; }

  kube::FakeHttpTransport transport_;
  kube::HttpKubeClient client_{transport_};
  SecretTokens tokens_{client_, {.ns = "sys", .name = "tokens"}};
  Instant now_{1'000'000'000};
};

TEST_F(SecretTokensTest, ReadsEachKeyAtOnceAndAgainFromTimeToTime) {
  EXPECT_LE(tokens_.NextWake(), now_);
  Read(200, SecretOf(absl::StrCat(kOne, ",shop,ns=shop\n"), absl::StrCat(kTwo, ",root,ns=*")));
  EXPECT_EQ(transport_.sent()[0].path, "/api/v1/namespaces/sys/secrets/tokens");
  EXPECT_TRUE(Knows(kOne));
  EXPECT_TRUE(Knows(kTwo));
  EXPECT_EQ(tokens_.Find(Sha256(kOne))->rule_source, "the Secret sys/tokens");
  EXPECT_EQ(tokens_.NextWake(), now_);
  tokens_.Step(now_ - absl::Seconds(1));
  EXPECT_EQ(transport_.sent().size(), 1u) << "not before it is time";
  Read(200, SecretOf(absl::StrCat(kTwo, ",root,ns=*")));
  EXPECT_FALSE(Knows(kOne)) << "rotated away";
  EXPECT_TRUE(Knows(kTwo));
}

TEST_F(SecretTokensTest, KeepsWhatItKnewWhenTheSecretBreaksOrNobodyAnswers) {
  Read(200, SecretOf(absl::StrCat(kOne, ",shop")));
  Read(200, SecretOf("short,x"));
  EXPECT_TRUE(Knows(kOne));
  Read(500, "");
  EXPECT_TRUE(Knows(kOne));
  EXPECT_TRUE(tokens_.status().ok());
}

TEST_F(SecretTokensTest, ADeletedSecretTakesItsTokensWithIt) {
  Read(200, SecretOf(absl::StrCat(kOne, ",shop")));
  Read(404, R"({"kind": "Status", "reason": "NotFound"})");
  EXPECT_FALSE(Knows(kOne));
  EXPECT_TRUE(tokens_.status().ok()) << "it is known that there are none";
  Read(200, SecretOf(absl::StrCat(kOne, ",shop")));
  EXPECT_TRUE(Knows(kOne));
}

TEST_F(SecretTokensTest, BeforeItIsReadNobodyIsTurnedAwayForGood) {
  EXPECT_EQ(ReasonOf(tokens_.status()), "KUBERNETES_UNREACHABLE");
  EXPECT_TRUE(RetryAfterOf(tokens_.status()).has_value());
  Read(403, R"({"kind": "Status", "message": "secrets is forbidden"})");
  EXPECT_TRUE(absl::StrContains(tokens_.status().message(), "the Secret sys/tokens"));
  EXPECT_TRUE(absl::StrContains(tokens_.status().message(), "deploy/manifests"));
  Read(200, SecretOf("secret-but-short"));
  EXPECT_FALSE(tokens_.status().ok()) << "malformed from the start";
  EXPECT_FALSE(absl::StrContains(tokens_.status().message(), "line")) << "callers are strangers";
  Read(200, R"({"data": {"x": "***"}})");
  EXPECT_FALSE(tokens_.status().ok());
  Read(200, R"({"data": "x"})");
  EXPECT_FALSE(tokens_.status().ok());
  Read(200, "{}");
  EXPECT_TRUE(tokens_.status().ok()) << "an empty one has no tokens";
}

}  // namespace
}  // namespace spawner::auth
