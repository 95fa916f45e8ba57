#include "proxy/route/request_token.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace spawner::proxy {
namespace {

std::string Token(absl::string_view head = "aGVhZA.cGF5") {
  return absl::StrCat(head, ".", std::string(86, 's'));
}

TEST(ScanQuery, TakesTheTokenOutAndLeavesTheRestByteForByte) {
  struct Case {
    const char* target;
    std::optional<std::string> token;
    std::optional<std::string> rest;
  };
  const std::vector<Case> cases = {
      {"/", {}, {}},
      {"/p?", {}, {}},
      {"/p?a=1&b", {}, {}},
      {"/p?spawner_token=T", "T", "/p"},
      {"/p?spawner_token=T&a=1", "T", "/p?a=1"},
      {"/p?a=1&spawner_token=T", "T", "/p?a=1"},
      {"/p?a=%20+&spawner_token=T&b==&&c", "T", "/p?a=%20+&b==&&c"},
      {"/p?&spawner_token=T", "T", "/p?"},
      {"/p?spawner_token=T&", "T", "/p?"},
      {"/p?spawner_token=T&spawner_token=U&x", "T", "/p?x"},
      {"/p?spawner_token", "", "/p"},
      {"/p?spawner_token=", "", "/p"},
      {"/p?spawner_token=a%2Eb%2e%4", "a.b.%4", "/p"},
      {"/p?spawner_token=a=b", "a=b", "/p"},
      {"/p?xspawner_token=T&spawner_tokens=U&Spawner_Token=V", {}, {}},
      {"/p?a?spawner_token=T", {}, {}},
      {"/spawner_token=T", {}, {}},
  };
  for (const Case& c : cases) {
    const QueryScan scan = ScanQuery(c.target);
    EXPECT_EQ(scan.token, c.token) << c.target;
    EXPECT_EQ(scan.target, c.rest) << c.target;
  }
}

TEST(ScanCookies, TakesOursOutOfAllHeaders) {
  const std::vector<HeaderView> headers = {{"Cookie", "a=1; spawner=T;b=\"x y\"; spawnerx=2"},
                                           {"Accept", "spawner=no"},
                                           {"cookie", "__Host-spawner=H; c; ;spawner=U"}};
  const CookieScan plain = ScanCookies(headers, /*is_tls=*/false);
  EXPECT_EQ(plain.tokens, (std::vector<absl::string_view>{"T", "U"}));
  EXPECT_EQ(plain.cookie, "a=1; b=\"x y\"; spawnerx=2; c");
  const CookieScan tls = ScanCookies(headers, /*is_tls=*/true);
  EXPECT_EQ(tls.tokens, std::vector<absl::string_view>{"H"});
}

TEST(ScanCookies, LeavesOthersAloneAndAnEmptyRestEmpty) {
  EXPECT_EQ(ScanCookies(std::vector<HeaderView>{{"Cookie", "a=1;b=2"}}, false).cookie,
            std::nullopt);
  EXPECT_EQ(ScanCookies(std::vector<HeaderView>{{"Cookie", "spawner=T"}}, false).cookie, "");
  EXPECT_EQ(ScanCookies(std::vector<HeaderView>{{"Cookie", "spawner"}}, false).cookie, "");
}

TEST(ScanCookies, BoundsWhatItTries) {
  std::string many;
  for (int i = 0; i < 100; ++i) absl::StrAppend(&many, "spawner=T", i, ";");
  EXPECT_EQ(ScanCookies(std::vector<HeaderView>{{"Cookie", many}}, false).tokens.size(), 4u);
}

TEST(ScanBearer, ReadsTheSchemeInAnyCase) {
  EXPECT_EQ(ScanBearer(std::vector<HeaderView>{{"authorization", "bEARER  T "}}), "T");
  EXPECT_EQ(ScanBearer(std::vector<HeaderView>{{"Authorization", "Basic T"}}), "");
  EXPECT_EQ(ScanBearer(std::vector<HeaderView>{{"Authorization", "Bearer"}}), "");
  EXPECT_EQ(ScanBearer({}), "");
}

TEST(ScanProtocols, TakesSpawnerAndTokensOutOfTheOffer) {
  const std::string token = Token();
  const std::string offer = absl::StrCat("chat , spawner,", token, ", v2.chat");
  const std::vector<HeaderView> headers = {{"Sec-WebSocket-Protocol", offer},
                                           {"sec-websocket-protocol", "more"}};
  const ProtocolScan scan = ScanProtocols(headers);
  EXPECT_TRUE(scan.has_spawner);
  EXPECT_EQ(scan.tokens, std::vector<absl::string_view>{token});
  EXPECT_EQ(scan.protocols, "chat, v2.chat, more");
}

TEST(ScanProtocols, WithoutSpawnerNothingIsOurs) {
  const std::string token = Token();
  const ProtocolScan scan =
      ScanProtocols(std::vector<HeaderView>{{"Sec-WebSocket-Protocol", token}});
  EXPECT_FALSE(scan.has_spawner);
  EXPECT_TRUE(scan.tokens.empty());
  EXPECT_EQ(scan.protocols, std::nullopt);
}

TEST(IsNavigation, KnowsAPageLoadFromACall) {
  const auto is = [](absl::string_view method, std::vector<HeaderView> headers, bool upgrade) {
    return IsNavigation({.method = method, .headers = headers, .is_upgrade = upgrade});
  };
  const HeaderView html{"Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"};
  EXPECT_TRUE(is("GET", {html}, false));
  EXPECT_TRUE(is("GET", {{"Accept", "Text/HTML;q=1"}}, false));
  EXPECT_TRUE(is("GET", {{"Sec-Fetch-Mode", "navigate"}, {"Accept", "*/*"}}, false));
  EXPECT_FALSE(is("GET", {html, {"Sec-Fetch-Mode", "cors"}}, false));
  EXPECT_FALSE(is("GET", {{"Sec-Fetch-Mode", "websocket"}, html}, true));
  EXPECT_FALSE(is("POST", {html}, false));
  EXPECT_FALSE(is("GET", {html}, true));
  EXPECT_FALSE(is("GET", {{"Accept", "*/*"}}, false));
  EXPECT_FALSE(is("GET", {{"Accept", "application/json, text/html"}}, false));
  EXPECT_FALSE(is("GET", {}, false));
}

TEST(HasTokenForm, WantsThreePartsAndASignature) {
  EXPECT_TRUE(HasTokenForm(Token()));
  EXPECT_FALSE(HasTokenForm(""));
  EXPECT_FALSE(HasTokenForm("a.b.c"));
  EXPECT_FALSE(HasTokenForm(Token("a.b.c")));
  EXPECT_FALSE(HasTokenForm(Token("a b.c")));
  EXPECT_FALSE(HasTokenForm(absl::StrCat(Token(), "=")));
}

}  // namespace
}  // namespace spawner::proxy
