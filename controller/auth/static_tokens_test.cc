#include "controller/auth/static_tokens.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "absl/strings/match.h"
#include "base/crypto.h"
#include "controller/auth/limits.h"

namespace spawner::auth {
namespace {

std::string WriteFile(const std::string& text) {
  const std::string path = testing::TempDir() + "/tokens";
  std::ofstream(path, std::ios::trunc) << text;
  return path;
}

TEST(StaticTokens, ReadsUsersGroupsAndRules) {
  const auto tokens = StaticTokens::Open(
      WriteFile("# people\n\n0123456789abcdef-shop,shop,backends,ns=shop,ns=shop-2\r\n"
                "0123456789abcdef-root,root,ns=*\n0123456789abcdef-prox,p,proxy\n"
                "0123456789abcdef-rbac,ada,dev,ops\n"));
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  EXPECT_EQ(tokens->size(), 4u);
  const CallerPtr shop = tokens->Find(Sha256("0123456789abcdef-shop"));
  ASSERT_NE(shop, nullptr);
  EXPECT_EQ(shop->name, "shop");
  EXPECT_EQ(shop->groups, (std::vector<std::string>{"backends"}));
  EXPECT_EQ(shop->rule, (Rule{.namespaces = {"shop", "shop-2"}}));
  EXPECT_EQ(tokens->Find(Sha256("0123456789abcdef-root"))->rule, Rule{.all_namespaces = true});
  EXPECT_EQ(tokens->Find(Sha256("0123456789abcdef-prox"))->rule, Rule{.is_proxy = true});
  EXPECT_FALSE(tokens->Find(Sha256("0123456789abcdef-rbac"))->rule.has_value());
  EXPECT_EQ(tokens->Find(Sha256("0123456789abcdef-none")), nullptr);
}

TEST(StaticTokens, NamesTheLineNeverTheToken) {
  const struct {
    const char* text;
    const char* why;
  } kCases[] = {
      {"\nshort,ada", "line 2: a token of less than 16 characters can be guessed"},
      {"0123456789abcdef-secret", "line 1: there is no user"},
      {"0123456789abcdef-secret,", "line 1: there is no user"},
      {"0123456789abcdef-secret,a,ns=Not_A_Name", "line 1: ns= is followed by no name"},
      {"0123456789abcdef-secret,a,,b", "line 1: a group is empty"},
      {"0123456789abcdef-secret,a\n0123456789abcdef-secret,b", "the token of"},
  };
  for (const auto& bad : kCases) {
    const auto tokens = StaticTokens::Open(WriteFile(bad.text));
    ASSERT_FALSE(tokens.ok()) << bad.text;
    EXPECT_TRUE(absl::StrContains(tokens.status().message(), bad.why)) << tokens.status();
    EXPECT_FALSE(absl::StrContains(tokens.status().message(), "secret")) << tokens.status();
  }
}

TEST(StaticTokens, FollowsTheFileAndKeepsWhatItKnewWhenThatBreaks) {
  auto tokens = StaticTokens::Open(WriteFile("0123456789abcdef-one,ada\n"));
  ASSERT_TRUE(tokens.ok());
  Instant now{1};
  tokens->Step(now);
  WriteFile("0123456789abcdef-two,bob\n");
  tokens->Step(now = now + kFileReadEvery);
  EXPECT_EQ(tokens->Find(Sha256("0123456789abcdef-one")), nullptr);
  ASSERT_NE(tokens->Find(Sha256("0123456789abcdef-two")), nullptr);
  WriteFile("nonsense\n");
  tokens->Step(now = now + kFileReadEvery);
  EXPECT_NE(tokens->Find(Sha256("0123456789abcdef-two")), nullptr);
}

}  // namespace
}  // namespace spawner::auth
