#include "controller/auth/guard.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/base64url.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/status.h"
#include "base/test_certificates.h"
#include "controller/auth/limits.h"
#include "controller/kube/fake_http_transport.h"
#include "controller/kube/http_kube_client.h"

namespace spawner::auth {
namespace {

// Keeps what was POSTed until the test answers.
class FakeKube {
 public:
  struct Post {
    std::string path;
    Json body;
    std::function<void(const absl::StatusOr<std::string>&)> done;
  };

  // The only one that has no answer.
  Post Take() {
    EXPECT_EQ(open(), 1u);
    const kube::HttpTransport::RequestId id = ++taken_;
    const kube::HttpRequest& request = transport_.sent()[id - 1];
    EXPECT_EQ(request.method, "POST");
    return {request.path, *ParseJson(request.body),
            [this, id](const absl::StatusOr<std::string>& text) {
              text.ok() ? transport_.Answer(id, 201, *text) : transport_.End(id, text.status());
            }};
  }
  void Answer(const absl::StatusOr<std::string>& text) { Take().done(text); }
  void AnswerGet(const std::string& text) { transport_.Answer(++taken_, 200, text); }
  void Refuse(int code) { transport_.Answer(++taken_, code, ""); }
  size_t open() const { return transport_.sent().size() - taken_; }
  kube::KubeClient& client() { return client_; }

 private:
  kube::FakeHttpTransport transport_;
  kube::HttpKubeClient client_{transport_};
  size_t taken_ = 0;
};

constexpr char kKnown[] =
    R"({"status": {"authenticated": true, "audiences": ["spawner"], "user": {"username":
        "system:serviceaccount:shop:server", "uid": "u1", "groups": ["system:serviceaccounts"]}}})";
constexpr char kAllowed[] = R"({"status": {"allowed": true}})";
constexpr char kDenied[] = R"({"status": {"allowed": false, "reason": "no role"}})";

const Ask kCreate{.verb = "create", .resource = "sessions", .ns = "shop"};
const Ask kLink{.verb = "connect", .resource = "proxies"};

class GuardTest : public testing::Test {
 protected:
  void Use(Ways ways) { guard_ = std::make_unique<Guard>(kube_.client(), clock_, std::move(ways)); }
  void UseKubernetes() {
    Ways ways;
    ways.asks_kubernetes = true;
    ways.audiences = {"spawner"};
    Use(std::move(ways));
  }
  void UseTokens(const std::string& text) {
    const std::string path = testing::TempDir() + "/guard-tokens";
    std::ofstream(path, std::ios::trunc) << text;
    Ways ways;
    auto tokens = StaticTokens::Open(path);
    ASSERT_TRUE(tokens.ok()) << tokens.status();
    ways.tokens = *std::move(tokens);
    Use(std::move(ways));
  }
  void Admit(const Credentials& credentials, const Ask& ask) {
    answer_.reset();
    guard_->Admit(credentials, ask,
                  [this](const absl::StatusOr<CallerPtr>& caller) { answer_ = caller; });
  }
  // "" while there is no answer, "ok NAME", or the reason of a refusal.
  std::string Answer() const {
    if (!answer_.has_value()) return "";
    return answer_->ok() ? absl::StrCat("ok ", (**answer_)->name) : ReasonOf(answer_->status());
  }
  std::string Message() const { return std::string(answer_->status().message()); }

  FakeClock clock_;
  FakeKube kube_;
  std::unique_ptr<Guard> guard_;
  std::optional<absl::StatusOr<CallerPtr>> answer_;
};

TEST_F(GuardTest, AsksNobodyWhenNothingIsConfigured) {
  Use({});
  Admit({}, kCreate);
  EXPECT_EQ(Answer(), "ok anonymous");
}

TEST_F(GuardTest, RefusesACallWithoutCredentialsAndSaysWhichThereAre) {
  UseKubernetes();
  Admit({}, kCreate);
  EXPECT_EQ(Answer(), "TOKEN_INVALID");
  EXPECT_TRUE(absl::StrContains(Message(), "ServiceAccount")) << Message();
}

TEST_F(GuardTest, AsksKubernetesForTokenAndRightAndRemembersBoth) {
  UseKubernetes();
  Admit({.bearer = "t"}, kCreate);
  EXPECT_EQ(Answer(), "");
  FakeKube::Post review = kube_.Take();
  EXPECT_EQ(review.path, "/apis/authentication.k8s.io/v1/tokenreviews");
  EXPECT_EQ(review.body["spec"], Json({{"token", "t"}, {"audiences", {"spawner"}}}));
  review.done(std::string(kKnown));
  FakeKube::Post access = kube_.Take();
  EXPECT_EQ(access.path, "/apis/authorization.k8s.io/v1/subjectaccessreviews");
  EXPECT_EQ(access.body["spec"], Json({{"user", "system:serviceaccount:shop:server"},
                                       {"uid", "u1"},
                                       {"groups", {"system:serviceaccounts"}},
                                       {"resourceAttributes",
                                        {{"group", "spawner.dev"},
                                         {"version", "v1"},
                                         {"resource", "sessions"},
                                         {"verb", "create"},
                                         {"namespace", "shop"}}}}));
  access.done(std::string(kAllowed));
  EXPECT_EQ(Answer(), "ok system:serviceaccount:shop:server");
  Admit({.bearer = "t"}, kCreate);
  EXPECT_EQ(Answer(), "ok system:serviceaccount:shop:server") << "at once";
  clock_.Advance(kAllowedFor);
  Admit({.bearer = "t"}, kCreate);
  EXPECT_EQ(kube_.Take().path, "/apis/authorization.k8s.io/v1/subjectaccessreviews");
}

TEST_F(GuardTest, SaysWhichRightIsMissingAndHowToGrantIt) {
  UseKubernetes();
  Admit({.bearer = "t"}, kCreate);
  kube_.Answer(std::string(kKnown));
  kube_.Answer(std::string(kDenied));
  EXPECT_EQ(Answer(), "NAMESPACE_FORBIDDEN");
  EXPECT_EQ(Message(),
            "system:serviceaccount:shop:server may not create sessions.spawner.dev in namespace "
            "shop (no role); `kubectl create rolebinding -n shop spawner-create-sessions "
            "--clusterrole=spawner-user --serviceaccount='shop:server'` grants it");
  clock_.Advance(kForbiddenFor);
  Admit({.bearer = "t"}, kCreate);
  kube_.Answer(std::string(kAllowed));
  EXPECT_EQ(Answer(), "ok system:serviceaccount:shop:server") << "granted meanwhile";
}

TEST_F(GuardTest, ATokenForAnotherAudienceIsNoneOfOurs) {
  UseKubernetes();
  Admit({.bearer = "t"}, kCreate);
  kube_.Answer(R"({"status": {"authenticated": true, "user": {"username": "x"}}})");
  EXPECT_EQ(Answer(), "TOKEN_INVALID") << "an answer without audiences is for the API server";
  Admit({.bearer = "t2"}, kCreate);
  kube_.Answer(R"({"status": {"authenticated": false, "error": "token lookup failed"}})");
  EXPECT_EQ(Answer(), "TOKEN_INVALID");
  EXPECT_TRUE(absl::StrContains(Message(), "token lookup failed")) << Message();
  Admit({.bearer = "t2"}, kCreate);
  EXPECT_EQ(Answer(), "TOKEN_INVALID") << "remembered";
  clock_.Advance(kTokenBadFor);
  Admit({.bearer = "t2"}, kCreate);
  kube_.Answer(std::string(kKnown));
}

TEST_F(GuardTest, WithoutKubernetesKnownTokensStayGoodAndOthersAreUnavailable) {
  UseKubernetes();
  Admit({.bearer = "t"}, kCreate);
  kube_.Answer(std::string(kKnown));
  kube_.Answer(std::string(kAllowed));
  Admit({.bearer = "other"}, kCreate);
  kube_.Answer(absl::UnavailableError("create tokenreview: connection refused"));
  EXPECT_EQ(Answer(), "KUBERNETES_UNREACHABLE");
  EXPECT_TRUE(RetryAfterOf(answer_->status()).has_value());
  clock_.Advance(kAllowedFor - absl::Seconds(1));
  Admit({.bearer = "t"}, kCreate);
  EXPECT_EQ(Answer(), "ok system:serviceaccount:shop:server");
  Admit({.bearer = "other"}, kCreate);
  EXPECT_EQ(kube_.open(), 1u) << "no answer is not remembered";
}

TEST_F(GuardTest, TellsWhichRoleTheControllerLacks) {
  UseKubernetes();
  Admit({.bearer = "t"}, kCreate);
  kube_.Refuse(403);
  EXPECT_EQ(Answer(), "KUBERNETES_UNREACHABLE");
  EXPECT_TRUE(absl::StrContains(Message(), "system:auth-delegator")) << Message();
}

TEST_F(GuardTest, WhoSendsBadTokensIsStoppedBeforeKubernetesIsAsked) {
  UseKubernetes();
  for (int i = 0; i < kRefusalsAtOnce; ++i) {
    Admit({.bearer = absl::StrCat("bad", i), .peer = "10.0.0.7:1"}, kCreate);
    kube_.Answer(R"({"status": {"authenticated": false}})");
    EXPECT_EQ(Answer(), "TOKEN_INVALID");
  }
  Admit({.bearer = "one more", .peer = "10.0.0.7:2"}, kCreate);
  EXPECT_EQ(Answer(), "RATE_LIMITED");
  EXPECT_EQ(kube_.open(), 0u);
  EXPECT_TRUE(absl::StrContains(Message(), "10.0.0.7")) << Message();
  ASSERT_TRUE(RetryAfterOf(answer_->status()).has_value());
  Admit({.bearer = "t", .peer = "10.0.0.8:1"}, kCreate);
  kube_.Answer(std::string(kKnown));
  kube_.Answer(std::string(kAllowed));
  EXPECT_EQ(Answer(), "ok system:serviceaccount:shop:server") << "another address";
  Admit({.bearer = "t", .peer = "10.0.0.7:3"}, kCreate);
  EXPECT_EQ(Answer(), "ok system:serviceaccount:shop:server") << "what is known needs no question";
  clock_.Advance(absl::Seconds(1));
  Admit({.bearer = "one more", .peer = "10.0.0.7:4"}, kCreate);
  EXPECT_EQ(kube_.open(), 1u) << "was not remembered as bad";
}

TEST_F(GuardTest, OneAddressDoesNotTakeAllQuestionsThatMayBeOpen) {
  UseKubernetes();
  for (size_t i = 0; i < kReviewsPerPeerMax; ++i) {
    Admit({.bearer = absl::StrCat("t", i), .peer = "10.0.0.7:1"}, kCreate);
  }
  EXPECT_EQ(kube_.open(), kReviewsPerPeerMax);
  Admit({.bearer = "more", .peer = "10.0.0.7:1"}, kCreate);
  EXPECT_EQ(Answer(), "RATE_LIMITED");
  Admit({.bearer = "more", .peer = "10.0.0.8:1"}, kCreate);
  EXPECT_EQ(kube_.open(), kReviewsPerPeerMax + 1);
}

TEST_F(GuardTest, AskingForWhatIsForbiddenIsBoundedToo) {
  UseKubernetes();
  const auto ask = [this](int i) {
    Admit({.bearer = "t", .peer = "10.0.0.7:1"},
          {.verb = "list", .resource = "sessions", .ns = absl::StrCat("n", i)});
  };
  ask(0);
  kube_.Answer(std::string(kKnown));
  kube_.Answer(std::string(kDenied));
  for (int i = 1; i < kRefusalsAtOnce; ++i) {
    ask(i);
    kube_.Answer(std::string(kDenied));
    EXPECT_EQ(Answer(), "NAMESPACE_FORBIDDEN");
  }
  ask(1000);
  EXPECT_EQ(Answer(), "RATE_LIMITED");
  ask(1);
  EXPECT_EQ(Answer(), "NAMESPACE_FORBIDDEN") << "known";
}

TEST_F(GuardTest, TokensOfASecretAreStaticOnesToo) {
  Ways ways;
  ways.token_secret = TokenSecret{.ns = "sys", .name = "tokens"};
  Use(std::move(ways));
  Admit({.bearer = "0123456789abcdef-shop"}, kCreate);
  EXPECT_EQ(Answer(), "KUBERNETES_UNREACHABLE") << "not read yet";
  EXPECT_LE(guard_->NextWake(), clock_.Now());
  guard_->Step(clock_.Now());
  kube_.AnswerGet(
      JsonText({{"data", {{"t", absl::Base64Escape("0123456789abcdef-shop,shop,ns=shop")}}}}));
  Admit({.bearer = "0123456789abcdef-shop"}, kCreate);
  EXPECT_EQ(Answer(), "ok shop");
  Admit({.bearer = "0123456789abcdef-shop"}, kLink);
  EXPECT_EQ(Message(),
            "shop may not connect proxies.spawner.dev in the whole cluster; add proxy to the "
            "token's line in the Secret sys/tokens");
  Admit({.bearer = "0123456789abcdef-none"}, kCreate);
  EXPECT_EQ(Answer(), "TOKEN_INVALID");
  Admit({}, kCreate);
  EXPECT_TRUE(absl::StrContains(Message(), "--token-secret")) << Message();
}

TEST_F(GuardTest, StaticTokensWithARuleAskNobody) {
  UseTokens("0123456789abcdef-shop,shop,ns=shop\n0123456789abcdef-prox,p,proxy\n");
  Admit({.bearer = "0123456789abcdef-shop"}, kCreate);
  EXPECT_EQ(Answer(), "ok shop");
  Admit({.bearer = "0123456789abcdef-shop"}, {.verb = "list", .resource = "sessions"});
  EXPECT_EQ(Answer(), "NAMESPACE_FORBIDDEN") << "all namespaces are more than one";
  Admit({.bearer = "0123456789abcdef-shop"}, {.verb = "get", .resource = "sessions", .ns = "x"});
  EXPECT_EQ(Message(),
            "shop may not get sessions.spawner.dev in namespace x; add ns=x to the token's line in "
            "--token-file");
  Admit({.bearer = "0123456789abcdef-shop"}, kLink);
  EXPECT_EQ(Answer(), "NAMESPACE_FORBIDDEN");
  Admit({.bearer = "0123456789abcdef-prox"}, kLink);
  EXPECT_EQ(Answer(), "ok p");
  Admit({.bearer = "0123456789abcdef-prox"}, kCreate);
  EXPECT_EQ(Answer(), "NAMESPACE_FORBIDDEN") << "a proxy calls nothing else";
  Admit({.bearer = "0123456789abcdef-none"}, kCreate);
  EXPECT_EQ(Answer(), "TOKEN_INVALID");
  Admit({.bearer = std::string(kTokenBytesMax + 1, 'x')}, kCreate);
  EXPECT_EQ(Answer(), "TOKEN_INVALID");
}

TEST_F(GuardTest, ACertificateIsAskedForByNameAndAConfiguredOneOpensTheLink) {
  Ways ways;
  ways.takes_certificates = true;
  ways.proxy_names = {"proxy-1"};
  Use(std::move(ways));
  const std::string shop =
      MakeTestCertificate({.common_name = "shop", .organization = "dev"}).cert_pem;
  const std::string proxy = MakeTestCertificate({.common_name = "proxy-1"}).cert_pem;
  Admit({.certificate = shop}, kCreate);
  FakeKube::Post access = kube_.Take();
  EXPECT_EQ(access.body["spec"]["user"], "shop");
  EXPECT_EQ(access.body["spec"]["groups"], Json({"dev"}));
  access.done(std::string(kAllowed));
  EXPECT_EQ(Answer(), "ok shop");
  Admit({.certificate = proxy}, kLink);
  EXPECT_EQ(Answer(), "ok proxy-1");
  Admit({.certificate = shop}, kLink);
  kube_.Answer(std::string(kDenied));
  EXPECT_EQ(Answer(), "NAMESPACE_FORBIDDEN");
}

TEST_F(GuardTest, BelievesTheSealOfAnotherController) {
  UseKubernetes();
  EXPECT_EQ(guard_->SealFor(nullptr, "r1"), "") << "no secret yet";
  guard_->SetInstallSecret("s");
  const std::string seal = guard_->SealFor(nullptr, "r1");
  Admit({.seal = seal, .request = "r1"}, kCreate);
  EXPECT_EQ(Answer(), "ok system:spawner:controller");
  Admit({.seal = seal, .request = "r2"}, kCreate);
  EXPECT_EQ(Answer(), "TOKEN_INVALID") << "for another request";
  guard_->SetInstallSecret("another");
  Admit({.seal = seal, .request = "r1"}, kCreate);
  EXPECT_EQ(Answer(), "TOKEN_INVALID");
}

// One of the connections to a server that a test has once.
class Connection final : public kube::HttpTransport {
 public:
  explicit Connection(kube::HttpTransport& server) : server_(server) {}
  RequestId Start(kube::HttpRequest request, kube::HttpHandler* handler) override {
    return server_.Start(std::move(request), handler);
  }
  void Cancel(RequestId id) override { server_.Cancel(id); }
  void SetPaused(RequestId, bool) override {}
  void Poll(absl::Duration) override {}
  void Wake() override {}
  std::string Describe() const override { return "connection"; }

 private:
  kube::HttpTransport& server_;
};

// An issuer with an Ed25519 key behind a fake transport.
class OidcTest : public GuardTest {
 protected:
  OidcTest() : pair_(*Ed25519FromSeed(std::string(32, 'k'))) {
    UseIssuer("https://issuer.test/keys");
  }
  void UseIssuer(const std::string& keys_url) {
    Ways ways;
    ways.oidc = std::make_unique<Oidc>(
        OidcOptions{.terms = {.issuer = "https://issuer.test", .audiences = {"spawner"}},
                    .keys_file = "",
                    .keys_url = keys_url,
                    .connect = [this](const std::string& origin) {
                      origins_.push_back(origin);
                      return std::make_unique<Connection>(issuer_);
                    }});
    ways.asks_kubernetes = true;
    Use(std::move(ways));
  }
  std::string Token(const std::string& kid, absl::Duration left,
                    const std::string& issuer = "https://issuer.test") {
    const Json header = {{"alg", "EdDSA"}, {"kid", kid}};
    const Json claims = {{"iss", issuer},
                         {"aud", "spawner"},
                         {"sub", "ada"},
                         {"exp", absl::ToUnixSeconds(clock_.WallNow() + left)}};
    const std::string text =
        absl::StrCat(Base64UrlEncode(JsonText(header)), ".", Base64UrlEncode(JsonText(claims)));
    return absl::StrCat(text, ".", Base64UrlEncode(*Ed25519Sign(pair_, text)));
  }
  std::string Keys(const std::string& kid) const {
    return JsonText({{"keys",
                      {{{"kty", "OKP"},
                        {"crv", "Ed25519"},
                        {"kid", kid},
                        {"x", Base64UrlEncode(pair_.public_key)}}}}});
  }

  const Ed25519KeyPair pair_;
  kube::FakeHttpTransport issuer_;
  std::vector<std::string> origins_;  // that were dialled
};

TEST_F(OidcTest, FetchesKeysOnceAndThenKnowsTokensUntilTheyExpire) {
  const std::string token = Token("a", absl::Seconds(100));
  Admit({.bearer = token}, kCreate);
  Admit({.bearer = token}, kCreate);
  ASSERT_EQ(issuer_.sent().size(), 1u);
  EXPECT_EQ(issuer_.sent()[0].path, "/keys");
  EXPECT_LE(guard_->NextWake(), clock_.Now() + kFetchStep) << "nobody else moves the fetch on";
  issuer_.Answer(1, 200, Keys("a"));
  kube_.Answer(std::string(kAllowed));
  EXPECT_EQ(Answer(), "ok oidc:ada");
  clock_.Advance(absl::Seconds(110));
  Admit({.bearer = token}, kCreate);
  EXPECT_EQ(Answer(), "TOKEN_EXPIRED");
  EXPECT_EQ(issuer_.sent().size(), 1u);
}

TEST_F(OidcTest, AnUnknownKeyFetchesAgainButNotMoreOftenThanIsPolite) {
  Admit({.bearer = Token("a", absl::Hours(1))}, kCreate);
  issuer_.Answer(1, 200, Keys("a"));
  kube_.Answer(std::string(kAllowed));
  Admit({.bearer = Token("b", absl::Hours(1))}, kCreate);
  EXPECT_EQ(Answer(), "TOKEN_INVALID") << "asked a moment ago";
  EXPECT_EQ(issuer_.sent().size(), 1u);
  clock_.Advance(kKeySetReadMin);
  Admit({.bearer = Token("b", absl::Hours(1))}, kCreate);
  EXPECT_EQ(Answer(), "") << "waits for the new keys";
  issuer_.Answer(2, 200, Keys("b"));
  EXPECT_EQ(Answer(), "ok oidc:ada");
}

TEST_F(OidcTest, AnIssuerThatDoesNotAnswerMakesNewTokensUnavailable) {
  Admit({.bearer = Token("a", absl::Hours(1))}, kCreate);
  issuer_.Answer(1, 500, "");
  EXPECT_EQ(Answer(), "ISSUER_UNREACHABLE");
  EXPECT_TRUE(absl::StrContains(Message(), "HTTP 500")) << Message();
}

TEST_F(OidcTest, AsksTheDiscoveryDocumentWhereTheKeysAre) {
  UseIssuer("");
  Admit({.bearer = Token("a", absl::Hours(1))}, kCreate);
  EXPECT_EQ(issuer_.sent()[0].path, "/.well-known/openid-configuration");
  issuer_.Answer(1, 200,
                 R"({"issuer": "https://issuer.test", "jwks_uri": "https://keys.test:8443/k"})");
  EXPECT_EQ(Answer(), "");
  EXPECT_EQ(origins_, (std::vector<std::string>{"https://issuer.test", "https://keys.test:8443"}));
  EXPECT_EQ(issuer_.sent()[1].path, "/k");
  guard_->Step(clock_.Now());
  issuer_.Answer(2, 200, Keys("a"));
  kube_.Answer(std::string(kAllowed));
  EXPECT_EQ(Answer(), "ok oidc:ada");
}

TEST_F(OidcTest, BelievesNoDiscoveryDocumentOfAnotherAndFetchesFromNoOddPlace) {
  const char* const kBad[] = {
      R"({"issuer": "https://evil.test", "jwks_uri": "https://issuer.test/k"})",
      R"({"issuer": "https://issuer.test/", "jwks_uri": "https://issuer.test/k"})",
      R"({"issuer": "https://issuer.test", "jwks_uri": "http://169.254.169.254/k"})",
      R"({"issuer": "https://issuer.test", "jwks_uri": "file:///etc/passwd"})",
      R"({"issuer": "https://issuer.test", "jwks_uri": "https://a/ b"})",
      R"({"issuer": "https://issuer.test"})",
      R"([])",
      "",
  };
  UseIssuer("");
  for (const char* document : kBad) {
    Admit({.bearer = Token("a", absl::Hours(1))}, kCreate);
    issuer_.Answer(issuer_.last(), 200, document);
    EXPECT_EQ(Answer(), "ISSUER_UNREACHABLE") << document;
    EXPECT_TRUE(absl::StrContains(Message(), "openid-configuration: ")) << Message();
    clock_.Advance(kKeySetReadMin);
  }
  EXPECT_EQ(issuer_.sent().size(), std::size(kBad)) << "nothing else was fetched";
}

TEST_F(OidcTest, AnEndlessAnswerIsCutAndFormerKeysStayGoodWhileTheIssuerIsDown) {
  Admit({.bearer = Token("a", absl::Hours(1))}, kCreate);
  issuer_.Answer(1, 200, Keys("a"));
  kube_.Answer(std::string(kAllowed));
  clock_.Advance(kKeySetReadEvery);
  guard_->Step(clock_.Now());
  issuer_.Answer(2, 200, std::string(kKeySetBytesMax + 1, ' '));
  Admit({.bearer = Token("a", absl::Hours(2))}, kCreate);
  kube_.Answer(std::string(kAllowed));
  EXPECT_EQ(Answer(), "ok oidc:ada");
  Admit({.bearer = Token("b", absl::Hours(2))}, kCreate);
  EXPECT_EQ(Answer(), "ISSUER_UNREACHABLE") << "it may be good: the issuer could not be asked";
  EXPECT_TRUE(absl::StrContains(Message(), "more than 262144 bytes")) << Message();
}

TEST_F(OidcTest, TokensOfOtherIssuersAreForKubernetes) {
  Admit({.bearer = Token("a", absl::Hours(1), "https://kubernetes.default.svc")}, kCreate);
  EXPECT_EQ(issuer_.sent().size(), 0u);
  EXPECT_EQ(kube_.Take().path, "/apis/authentication.k8s.io/v1/tokenreviews");
}

}  // namespace
}  // namespace spawner::auth
