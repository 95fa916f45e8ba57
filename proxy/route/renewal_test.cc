// Cookies that outlive their token, revocations, and what bad tokens may cost.
#include <algorithm>

#include "proxy/route/grant_check_fixture.h"
#include "proxy/route/revocation.h"

namespace spawner::proxy {
namespace {

class RenewalTest : public GrantCheckTest {
 protected:
  RenewalTest() { Learn({KeyOf('a')}, /*renews=*/true); }

  // "spawner=..." of a Set-Cookie.
  static std::string Pair(const std::string& set_cookie) {
    return set_cookie.substr(0, set_cookie.find(';'));
  }
  std::string EnterWith(const std::string& token) {
    const AuthDecision decision =
        Check(absl::StrCat("/?spawner_token=", token), {{"Accept", "text/html"}});
    EXPECT_EQ(decision.action, AuthAction::kRedirect);
    return Pair(decision.set_cookie);
  }
  AuthDecision Come(const std::string& cookie) { return Check("/", {{"Cookie", cookie}}); }
  // The time that was learned stays: it moves with the clock.
  void Pass(absl::Duration time) { clock_.Advance(time); }
};

TEST_F(RenewalTest, ABrowserThatEnteredStaysInPastTheTokensEnd) {
  const std::string token = Token("k7x2", absl::Minutes(1));
  std::string cookie = EnterWith(token);
  EXPECT_LE(cookie.size(), 4096u);
  Pass(absl::Minutes(2));
  EXPECT_EQ(Come(cookie).action, AuthAction::kAllow);
  EXPECT_EQ(Come(cookie).cookie, "");
  EXPECT_EQ(Added(Come(cookie))["Spawner-User"], "ada");
  // The link in a mail does not.
  EXPECT_EQ(Check(absl::StrCat("/?spawner_token=", token), {}).reason, "TOKEN_EXPIRED");
  EXPECT_EQ(Come(absl::StrCat("spawner=", token)).reason, "TOKEN_EXPIRED");
  // Nor does the cookie's value as anything but a cookie.
  const std::string value = cookie.substr(cookie.find('=') + 1);
  EXPECT_EQ(Check("/", {{"Authorization", absl::StrCat("Bearer ", value)}}).action,
            AuthAction::kUnauthorized);
  EXPECT_EQ(Check(absl::StrCat("/?spawner_token=", value), {}).action, AuthAction::kUnauthorized);
  // Used once in a while it never ends.
  for (int i = 0; i < 10; ++i) {
    Pass(kCookieLife - kCookieRenewBelow + absl::Minutes(1));
    const AuthDecision decision = Come(cookie);
    ASSERT_EQ(decision.action, AuthAction::kAllow) << i;
    ASSERT_EQ(Answered(decision).count("Set-Cookie"), 1u) << i;
    cookie = Pair(Answered(decision)["Set-Cookie"]);
    ASSERT_EQ(Answered(Come(cookie)).count("Set-Cookie"), 0u) << i;
  }
  Pass(kCookieLife);
  EXPECT_EQ(Come(cookie).reason, "TOKEN_EXPIRED");
}

TEST_F(RenewalTest, ACookieOfABareTokenIsRenewedAtOnce) {
  const AuthDecision decision = Come(absl::StrCat("spawner=", Token("k7x2")));
  EXPECT_EQ(decision.action, AuthAction::kAllow);
  EXPECT_TRUE(absl::StartsWith(Answered(decision)["Set-Cookie"], "spawner="));
}

TEST_F(RenewalTest, NobodyElseCanRenew) {
  const std::string cookie = EnterWith(Token("k7x2", absl::Minutes(1)));
  const size_t dot = cookie.rfind('.', cookie.rfind('.') - 1) + 1;  // before "until"
  for (size_t at = dot; at < cookie.size(); ++at) {
    std::string forged = cookie;
    forged[at] = forged[at] == '9' ? '8' : '9';
    EXPECT_EQ(Come(forged).action, AuthAction::kUnauthorized) << at;
    clock_.Advance(absl::Milliseconds(1));
  }
  // The secret of another key, though the token is good.
  Learn({KeyOf('a')}, /*renews=*/false);
  EXPECT_EQ(Come(cookie).action, AuthAction::kUnauthorized);
}

TEST_F(RenewalTest, ARevokedGrantIsRefusedWhateverItComesAs) {
  const std::string token = Token("k7x2");
  const std::string cookie = EnterWith(token);
  route_.revoked = {HashOfGrant("another"), HashOfGrant("g1")};
  std::sort(route_.revoked.begin(), route_.revoked.end());
  for (const AuthDecision& decision :
       {Come(cookie), Check(absl::StrCat("/?spawner_token=", token), {}),
        Check("/", {{"Authorization", absl::StrCat("Bearer ", token)}})}) {
    EXPECT_EQ(decision.action, AuthAction::kUnauthorized);
    EXPECT_EQ(decision.message, "the access was withdrawn");
    EXPECT_EQ(Answered(decision).count("Set-Cookie"), 0u);
  }
  route_.token_required = false;
  EXPECT_EQ(Added(Come(cookie)).count("Spawner-User"), 0u);
  route_.token_required = true;
  route_.revoked = {HashOfGrant("another")};
  EXPECT_EQ(Come(cookie).action, AuthAction::kAllow);
  route_.not_issued_before = SecondOf(kNow);
  EXPECT_EQ(Come(cookie).action, AuthAction::kAllow);
  route_.not_issued_before = SecondOf(kNow) + 1;
  EXPECT_EQ(Come(cookie).action, AuthAction::kUnauthorized);
}

TEST_F(RenewalTest, ARevokedUsersOldGrantsAreRefusedAndANewOneIsGood) {
  const std::string cookie = EnterWith(Token("k7x2"));
  route_.revoked_users = {{HashOfUser("ada"), SecondOf(kNow) + 1},
                          {HashOfUser("nobody"), SecondOf(kNow) + 1}};
  std::sort(route_.revoked_users.begin(), route_.revoked_users.end(),
            [](const RevokedUser& a, const RevokedUser& b) { return a.user < b.user; });
  EXPECT_EQ(Come(cookie).message, "the access was withdrawn");
  for (RevokedUser& revoked : route_.revoked_users) revoked.not_issued_before = SecondOf(kNow);
  EXPECT_EQ(Come(cookie).action, AuthAction::kAllow);
  std::erase_if(route_.revoked_users,
                [](const RevokedUser& revoked) { return revoked.user == HashOfUser("ada"); });
  route_.revoked_users.at(0).not_issued_before = SecondOf(kNow) + 1;
  EXPECT_EQ(Come(cookie).action, AuthAction::kAllow);
}

TEST_F(RenewalTest, AOneTimeTokenIsAskedForAndItsCookieIsNot) {
  const std::string token = OneTime();
  const std::string url = absl::StrCat("/?spawner_token=", token);
  const std::vector<std::pair<std::string, std::string>> page = {{"Accept", "text/html"}};
  const AuthDecision asked = Check(url, page);
  ASSERT_EQ(asked.action, AuthAction::kUseToken);
  ASSERT_TRUE(asked.use.has_value());
  EXPECT_EQ(asked.use->session_id, "k7x2");
  EXPECT_EQ(asked.use->grant_id, "g1");
  EXPECT_EQ(asked.use->leadership, 7u);
  EXPECT_EQ(asked.use->expires_at, kNow + kOneTimeTtlMax);
  const AuthDecision used = Check(url, page, {.asked_grant = asked.grant.id});
  EXPECT_EQ(used.action, AuthAction::kUnauthorized);
  EXPECT_EQ(used.message, "the link was good for one use");
  // The word on another grant is none on this.
  EXPECT_EQ(Check(url, page, {.asked_grant = HashOfGrant("g2"), .is_first_use = true}).action,
            AuthAction::kUseToken);
  const AuthDecision first =
      Check(url, page, {.asked_grant = asked.grant.id, .is_first_use = true});
  ASSERT_EQ(first.action, AuthAction::kRedirect);
  const std::string cookie = first.set_cookie.substr(0, first.set_cookie.find(';'));
  const AuthDecision back = Check("/", {{"Cookie", cookie}});
  EXPECT_EQ(back.action, AuthAction::kAllow);
  EXPECT_EQ(Added(back)["Spawner-User"], "ada");
  // Whoever has the cookie comes in by it, though the used link comes along (a page reloaded).
  EXPECT_EQ(Check(url, {{"Cookie", cookie}}, {.asked_grant = asked.grant.id}).action,
            AuthAction::kAllow);
  // A bare token in a cookie has no mark of ours.
  EXPECT_EQ(Check("/", {{"Cookie", absl::StrCat("spawner=", token)}}).action,
            AuthAction::kUseToken);
  for (const char* name : {"Authorization", "Sec-WebSocket-Protocol"}) {
    const bool is_bearer = absl::string_view(name) == "Authorization";
    const AuthDecision decision =
        Check("/", {{name, absl::StrCat(is_bearer ? "Bearer " : "spawner, ", token)}},
              {.is_upgrade = !is_bearer});
    EXPECT_EQ(decision.action, AuthAction::kUseToken) << name;
  }
  route_.revoked = {HashOfGrant("g1")};
  EXPECT_EQ(Check(url, page).action, AuthAction::kUnauthorized);
  route_.revoked.clear();
  clock_.Advance(kOneTimeTtlMax);
  EXPECT_EQ(Check(url, page).action, AuthAction::kUnauthorized);
}

TEST_F(RenewalTest, AFloodOfBadTokensIsNotLookedAtAndGoodUsersGoOn) {
  const std::string token = Token("k7x2");
  ASSERT_EQ(Check("/", {{"Authorization", absl::StrCat("Bearer ", token)}}).action,
            AuthAction::kAllow);
  const size_t before = check_.cache().verified();
  int refused = 0;
  for (int i = 0; i < 10'000; ++i) {
    // A fresh signature part each time, and a key that we know.
    std::string bad = token.substr(0, token.rfind('.') + 1);
    absl::StrAppend(&bad, std::string(80, 'A'), 100'000 + i);
    const AuthDecision decision = Check("/", {{"Cookie", absl::StrCat("spawner=", bad)}});
    ASSERT_NE(decision.action, AuthAction::kAllow);
    if (decision.action == AuthAction::kTooMany) ++refused;
  }
  EXPECT_EQ(check_.cache().verified() - before, static_cast<size_t>(kBadSignaturesPerAddress));
  EXPECT_EQ(refused, 10'000 - kBadSignaturesPerAddress);
  EXPECT_LE(check_.cache().bad(), kBadTokensMax);
  // Who is known comes in from the same address, a new user from another.
  EXPECT_EQ(Check("/", {{"Authorization", absl::StrCat("Bearer ", token)}}).action,
            AuthAction::kAllow);
  const std::string other = Token("k7x2", absl::Hours(2));
  EXPECT_EQ(
      Check("/", {{"Authorization", absl::StrCat("Bearer ", other)}}, {.client_ip = "198.51.100.1"})
          .action,
      AuthAction::kAllow);
}

TEST_F(RenewalTest, TheSameBadTokenIsLookedAtOnce) {
  std::string bad = Token("k7x2");
  bad[bad.size() - 5] ^= 1;
  const size_t before = check_.cache().verified();
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(Come(absl::StrCat("spawner=", bad)).action, AuthAction::kUnauthorized);
  }
  EXPECT_EQ(check_.cache().verified() - before, 1u);
}

}  // namespace
}  // namespace spawner::proxy
