#include "proxy/route/grant_check_fixture.h"

namespace spawner::proxy {
namespace {

TEST_F(GrantCheckTest, RefusesWhatIsNoGoodTokenOfThisSession) {
  struct Case {
    std::string token;
    AuthAction action;
    std::string reason;
  };
  std::string forged = Token("k7x2");
  forged[forged.size() / 2] ^= 1;
  const std::vector<Case> cases = {
      {"", AuthAction::kUnauthorized, "TOKEN_INVALID"},
      {"nonsense", AuthAction::kUnauthorized, "TOKEN_INVALID"},
      {forged, AuthAction::kUnauthorized, "TOKEN_INVALID"},
      {Token("k7x2", absl::Hours(1), 'b'), AuthAction::kUnauthorized, "TOKEN_INVALID"},
      {Token("k7x2", absl::ZeroDuration()), AuthAction::kUnauthorized, "TOKEN_EXPIRED"},
      {Token("other"), AuthAction::kForbidden, "TOKEN_INVALID"},
  };
  for (const Case& c : cases) {
    for (const auto& decision : {Check(absl::StrCat("/?spawner_token=", c.token), {}),
                                 Check("/", {{"Authorization", absl::StrCat("Bearer ", c.token)}}),
                                 Check("/", {{"Cookie", absl::StrCat("spawner=", c.token)}})}) {
      EXPECT_EQ(decision.action, c.action) << c.token;
      EXPECT_EQ(decision.reason, c.reason);
      EXPECT_TRUE(c.token.size() < 20 || !absl::StrContains(decision.message, c.token));
      EXPECT_TRUE(decision.add_headers.empty());
    }
  }
  EXPECT_EQ(Check("/", {}).message, "the request has no token");
}

TEST_F(GrantCheckTest, ANamespaceOfTheSameSessionIdIsAnotherSession) {
  route_.ns = "other-team";
  EXPECT_EQ(Check(absl::StrCat("/?spawner_token=", Token("k7x2")), {}).action,
            AuthAction::kForbidden);
}

TEST_F(GrantCheckTest, PassesWithTheTokenStrippedAndTheUserNamed) {
  const std::string token = Token("k7x2");
  const AuthDecision of_query = Check(absl::StrCat("/p?a=1&spawner_token=", token), {});
  EXPECT_EQ(of_query.action, AuthAction::kAllow);
  EXPECT_EQ(of_query.target, "/p?a=1");
  EXPECT_EQ(Added(of_query),
            (std::map<std::string, std::string>{{"Spawner-User", "ada"},
                                                {"Spawner-Claims", R"({"role":"editor"})"},
                                                {"X-Verified-Username", "ada"},
                                                {"X-Verified-User-Data", R"({"role":"editor"})"},
                                                {"X-Verified-Path", "/p"}}));
  const AuthDecision of_bearer = Check("/p", {{"Authorization", absl::StrCat("Bearer ", token)}});
  EXPECT_EQ(of_bearer.action, AuthAction::kAllow);
  EXPECT_TRUE(of_bearer.strip_authorization);
  EXPECT_EQ(of_bearer.target, std::nullopt);
  const AuthDecision of_cookie =
      Check("/p", {{"Cookie", absl::StrCat("a=1; spawner=", token, "; b=2")}});
  EXPECT_EQ(of_cookie.action, AuthAction::kAllow);
  EXPECT_EQ(of_cookie.cookie, "a=1; b=2");
  EXPECT_FALSE(of_cookie.strip_authorization);
}

TEST_F(GrantCheckTest, AWebSocketBringsItAsASubprotocol) {
  const AuthDecision decision =
      Check("/ws", {{"Sec-WebSocket-Protocol", absl::StrCat("spawner, ", Token("k7x2"), ", chat")}},
            {.is_upgrade = true});
  EXPECT_EQ(decision.action, AuthAction::kAllow);
  EXPECT_EQ(decision.websocket_protocols, "chat");
  EXPECT_TRUE(decision.select_spawner_protocol);
}

TEST_F(GrantCheckTest, ANavigationIsSentOnWithACookie) {
  const std::string token = Token("k7x2", absl::Minutes(10));
  const std::vector<std::pair<std::string, std::string>> html = {{"Accept", "text/html"}};
  const AuthDecision own = Check(absl::StrCat("/p?spawner_token=", token, "&a=1"), html);
  EXPECT_EQ(own.action, AuthAction::kRedirect);
  EXPECT_EQ(own.location, "/p?a=1");
  EXPECT_EQ(own.set_cookie,
            absl::StrCat("spawner=", token, "; Path=/; Max-Age=600; HttpOnly; SameSite=Lax"));
  const AuthDecision by_path =
      Check(absl::StrCat("/s/k7x2?spawner_token=", token), html, {.prefix = "/s/k7x2"});
  EXPECT_EQ(by_path.location, "/s/k7x2/");
  EXPECT_TRUE(absl::StrContains(by_path.set_cookie, "; Path=/s/k7x2/; ")) << by_path.set_cookie;
  const AuthDecision tls = Check(absl::StrCat("/p?spawner_token=", token), html, {.is_tls = true});
  EXPECT_TRUE(absl::StartsWith(tls.set_cookie, "__Host-spawner=")) << tls.set_cookie;
  EXPECT_TRUE(absl::EndsWith(tls.set_cookie, "; Secure")) << tls.set_cookie;
}

TEST_F(GrantCheckTest, TheRedirectNeverLeavesTheOrigin) {
  const std::string query = absl::StrCat("?spawner_token=", Token("k7x2"));
  const std::vector<std::pair<std::string, std::string>> html = {{"Accept", "text/html"}};
  EXPECT_EQ(Check(absl::StrCat("//evil.example/x", query), html).location, "/.//evil.example/x");
  EXPECT_EQ(Check(absl::StrCat("/\\evil.example", query), html).location, "/./\\evil.example");
}

TEST_F(GrantCheckTest, AGoodCookieHelpsAgainstAnOldUrl) {
  const AuthDecision decision =
      Check(absl::StrCat("/p?spawner_token=", Token("k7x2", absl::ZeroDuration())),
            {{"Accept", "text/html"}, {"Cookie", absl::StrCat("spawner=", Token("k7x2"))}});
  EXPECT_EQ(decision.action, AuthAction::kAllow);
  EXPECT_EQ(decision.target, "/p");
}

TEST_F(GrantCheckTest, OfTwoCookiesTheOneForThisSessionCounts) {
  EXPECT_EQ(Check("/", {{"Cookie",
                         absl::StrCat("spawner=", Token("other"), "; spawner=", Token("k7x2"))}})
                .action,
            AuthAction::kAllow);
}

TEST_F(GrantCheckTest, AnApplicationsOwnBearerTokenReachesIt) {
  const AuthDecision decision =
      Check("/api", {{"Authorization", "Bearer of-the-application"},
                     {"Cookie", absl::StrCat("spawner=", Token("k7x2"))}});
  EXPECT_EQ(decision.action, AuthAction::kAllow);
  EXPECT_FALSE(decision.strip_authorization);
}

TEST_F(GrantCheckTest, APublicRouteLetsEverybodyThroughAndNamesWhoHasAToken) {
  route_.token_required = false;
  EXPECT_EQ(Added(Check("/p", {})),
            (std::map<std::string, std::string>{{"X-Verified-Path", "/p"}}));
  const AuthDecision bad = Check("/p?spawner_token=x", {});
  EXPECT_EQ(bad.action, AuthAction::kAllow);
  EXPECT_EQ(bad.target, "/p");
  EXPECT_EQ(Added(Check(absl::StrCat("/p?spawner_token=", Token("k7x2")), {}))["Spawner-User"],
            "ada");
}

TEST_F(GrantCheckTest, JudgesExpiryInTheControllersTime) {
  const std::string target = absl::StrCat("/?spawner_token=", Token("k7x2", absl::Minutes(10)));
  EXPECT_EQ(Check(target, {}).action, AuthAction::kAllow);
  clock_.Advance(absl::Minutes(10) - absl::Seconds(1));
  EXPECT_EQ(Check(target, {}).action, AuthAction::kAllow);
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Check(target, {}).reason, "TOKEN_EXPIRED");
}

TEST_F(GrantCheckTest, WithoutTheControllersTimeNothingIsGood) {
  check_.Update({.keys = {{"a", KeyOf('a').pair.public_key}}});
  EXPECT_EQ(Check(absl::StrCat("/?spawner_token=", Token("k7x2")), {}).action,
            AuthAction::kUnauthorized);
}

TEST_F(GrantCheckTest, AKeyThatIsGoneVerifiesNothingMore) {
  const std::string target = absl::StrCat("/?spawner_token=", Token("k7x2"));
  EXPECT_EQ(Check(target, {}).action, AuthAction::kAllow);
  Learn({KeyOf('b')});
  EXPECT_EQ(Check(target, {}).action, AuthAction::kUnauthorized);
}

TEST_F(GrantCheckTest, BoundsWhatItRemembers) {
  for (size_t i = 0; i < kGrantsCachedMax + 100; ++i) {
    const std::string token = Token("k7x2", absl::Hours(1), 'a', absl::StrCat("user", i));
    ASSERT_EQ(Check("/", {{"Authorization", absl::StrCat("Bearer ", token)}}).action,
              AuthAction::kAllow);
    ASSERT_LE(check_.cache().good(), kGrantsCachedMax);
  }
}

TEST(IsReservedHeader, NamesWhatOnlyWeSet) {
  EXPECT_TRUE(IsReservedHeader("Spawner-User"));
  EXPECT_TRUE(IsReservedHeader("x-verified-username"));
  EXPECT_TRUE(IsReservedHeader("X-VERIFIED-PATH"));
  EXPECT_FALSE(IsReservedHeader("x-forwarded-for"));
  EXPECT_FALSE(IsReservedHeader("spawner"));
}

}  // namespace
}  // namespace spawner::proxy
