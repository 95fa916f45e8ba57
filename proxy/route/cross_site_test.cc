// Pages of other sites: WebSockets, CORS, frames.
#include "proxy/route/grant_check_fixture.h"

namespace spawner::proxy {
namespace {

constexpr char kApp[] = "https://app.example.com";

class CrossSiteTest : public GrantCheckTest {
 protected:
  AuthDecision Upgrade(std::string origin, std::vector<std::pair<std::string, std::string>> more) {
    if (!origin.empty()) more.emplace_back("Origin", origin);
    return Check("/ws", more, {.is_upgrade = true, .is_tls = true});
  }
  std::pair<std::string, std::string> Cookie() {
    return {"Cookie", absl::StrCat("__Host-spawner=", Token("k7x2"))};
  }
  std::pair<std::string, std::string> Protocol() {
    return {"Sec-WebSocket-Protocol", absl::StrCat("spawner, ", Token("k7x2"))};
  }
};

TEST_F(CrossSiteTest, ACookiesWebSocketIsForTheSessionsOwnPages) {
  EXPECT_EQ(Upgrade("https://k7x2.s.test", {Cookie()}).action, AuthAction::kAllow);
  EXPECT_EQ(Upgrade("", {Cookie()}).action, AuthAction::kAllow);  // not a browser
  for (const char* const foreign : {kApp, "https://k8.s.test", "http://k7x2.s.test", "null"}) {
    const AuthDecision decision = Upgrade(foreign, {Cookie()});
    EXPECT_EQ(decision.action, AuthAction::kForbidden) << foreign;
    EXPECT_EQ(decision.reason, "ORIGIN_FORBIDDEN");
  }
  // A page that was given the token itself.
  EXPECT_EQ(Upgrade(kApp, {Protocol()}).action, AuthAction::kAllow);
}

TEST_F(CrossSiteTest, ACookiesUnsafeRequestIsForTheSessionsOwnPages) {
  const auto send = [this](std::string method, std::string origin, bool is_tls = true) {
    const std::string name = is_tls ? "__Host-spawner=" : "spawner=";
    return Check("/", {{"Cookie", absl::StrCat(name, Token("k7x2"))}, {"Origin", origin}},
                 {.method = method, .is_tls = is_tls})
        .action;
  };
  for (const char* const method : {"POST", "PUT", "DELETE", "PATCH"}) {
    EXPECT_EQ(send(method, "https://k7x2.s.test"), AuthAction::kAllow) << method;
    EXPECT_EQ(send(method, "https://k8.s.test"), AuthAction::kForbidden) << method;
    EXPECT_EQ(send(method, "null"), AuthAction::kForbidden) << method;
  }
  for (const char* const method : {"GET", "HEAD"}) {
    EXPECT_EQ(send(method, "https://k8.s.test"), AuthAction::kAllow) << method;
  }
  // A balancer ended TLS and nobody said so.
  EXPECT_EQ(send("POST", "https://k7x2.s.test", /*is_tls=*/false), AuthAction::kAllow);
  EXPECT_EQ(send("POST", "https://k8.s.test", /*is_tls=*/false), AuthAction::kForbidden);
  // A token of its own, or a route that names the page.
  EXPECT_EQ(
      Check("/", {{"Authorization", absl::StrCat("Bearer ", Token("k7x2"))}, {"Origin", kApp}},
            {.method = "POST"})
          .action,
      AuthAction::kAllow);
  route_.allowed_origins = {kApp};
  EXPECT_EQ(send("POST", kApp), AuthAction::kAllow);
}

TEST_F(CrossSiteTest, AllowedOriginsSayWhoMayOpenAWebSocket) {
  route_.allowed_origins = {kApp};
  EXPECT_EQ(Upgrade(kApp, {Cookie()}).action, AuthAction::kAllow);
  EXPECT_EQ(Upgrade(kApp, {Protocol()}).action, AuthAction::kAllow);
  EXPECT_EQ(Upgrade("https://k7x2.s.test", {Cookie()}).action, AuthAction::kAllow);
  EXPECT_EQ(Upgrade("https://evil.test", {Protocol()}).action, AuthAction::kForbidden);
  route_.token_required = false;
  EXPECT_EQ(Upgrade("https://evil.test", {}).action, AuthAction::kForbidden);
  EXPECT_EQ(Upgrade(kApp, {}).action, AuthAction::kAllow);
}

TEST_F(CrossSiteTest, APreflightIsAnsweredWithoutAToken) {
  route_.allowed_origins = {"https://*.example.com"};
  const std::vector<std::pair<std::string, std::string>> asks = {
      {"Origin", kApp},
      {"Access-Control-Request-Method", "PUT"},
      {"Access-Control-Request-Headers", "authorization,x-a"}};
  const AuthDecision good = Check("/api", asks, {.method = "OPTIONS"});
  EXPECT_EQ(good.action, AuthAction::kPreflight);
  EXPECT_EQ(Answered(good)["Access-Control-Allow-Origin"], kApp);
  EXPECT_EQ(Answered(good)["Access-Control-Allow-Credentials"], "true");
  EXPECT_EQ(Answered(good)["Access-Control-Allow-Methods"], "PUT");
  EXPECT_EQ(Answered(good)["Access-Control-Allow-Headers"], "authorization,x-a");
  EXPECT_TRUE(absl::StartsWith(Answered(good)["Vary"], "Origin"));
  const AuthDecision bad =
      Check("/api", {{"Origin", "https://evil.test"}, {"Access-Control-Request-Method", "PUT"}},
            {.method = "OPTIONS"});
  EXPECT_EQ(bad.action, AuthAction::kForbidden);
  EXPECT_EQ(Answered(bad).count("Access-Control-Allow-Origin"), 0u);
  // An OPTIONS that is none, and one where nobody said who may call: as any other request.
  EXPECT_EQ(Check("/api", {{"Origin", kApp}}, {.method = "OPTIONS"}).action,
            AuthAction::kUnauthorized);
  route_.allowed_origins.clear();
  EXPECT_EQ(Check("/api", asks, {.method = "OPTIONS"}).action, AuthAction::kUnauthorized);
}

TEST_F(CrossSiteTest, AnAllowedPageMayReadEveryAnswer) {
  route_.allowed_origins = {kApp};
  const std::string bearer = absl::StrCat("Bearer ", Token("k7x2"));
  const AuthDecision good = Check("/api", {{"Origin", kApp}, {"Authorization", bearer}});
  EXPECT_EQ(good.action, AuthAction::kAllow);
  EXPECT_TRUE(good.owns_cors);
  EXPECT_EQ(Answered(good)["Access-Control-Allow-Origin"], kApp);
  const AuthDecision none = Check("/api", {{"Origin", kApp}});
  EXPECT_EQ(none.action, AuthAction::kUnauthorized);
  EXPECT_EQ(Answered(none)["Access-Control-Allow-Origin"], kApp);
  // Others are served as before, but their pages can't read it.
  const AuthDecision other =
      Check("/api", {{"Origin", "https://evil.test"}, {"Authorization", bearer}});
  EXPECT_EQ(other.action, AuthAction::kAllow);
  EXPECT_EQ(Answered(other), (std::map<std::string, std::string>{{"Vary", "Origin"}}));
}

TEST_F(CrossSiteTest, EmbedOriginsMakeTheCookiePartitionedAndSayWhoMayFrameIt) {
  route_.embed_origins = {kApp, "https://*.partner.test"};
  const std::string target = absl::StrCat("/?spawner_token=", Token("k7x2"));
  const std::vector<std::pair<std::string, std::string>> html = {{"Accept", "text/html"}};
  const auto cookie = [&](RequestView request) { return Check(target, html, request).set_cookie; };
  const std::string own = cookie({.is_tls = true});
  EXPECT_TRUE(absl::StartsWith(own, "__Host-spawner=")) << own;
  EXPECT_TRUE(absl::EndsWith(own, "; HttpOnly; SameSite=None; Secure; Partitioned")) << own;
  EXPECT_TRUE(absl::StrContains(own, "; Path=/; ")) << own;
  const std::string plain = cookie({.host = "k7x2.s.test"});
  EXPECT_TRUE(absl::EndsWith(plain, "; HttpOnly; SameSite=Lax")) << plain;
  const std::string loopback = cookie({.host = "k7x2.localhost:8080"});
  EXPECT_TRUE(absl::StartsWith(loopback, "spawner=")) << loopback;
  EXPECT_TRUE(absl::EndsWith(loopback, "; SameSite=None; Secure; Partitioned")) << loopback;
  EXPECT_EQ(Answered(Check(target, {}))["Content-Security-Policy"],
            "frame-ancestors 'self' https://app.example.com https://*.partner.test");
}

}  // namespace
}  // namespace spawner::proxy
