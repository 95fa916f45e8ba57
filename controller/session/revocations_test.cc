#include "controller/session/revocations.h"

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "controller/session/limits.h"
#include "gtest/gtest.h"

namespace spawner {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000) + absl::Milliseconds(400);

// As proxies judge it.
bool IsTakenBack(const Revocations& revocations, const std::string& id, const std::string& user,
                 absl::Time issued_at) {
  const int64_t iat = absl::ToUnixSeconds(issued_at);
  const auto at = revocations.users.find(user);
  return revocations.grants.count(id) > 0 || iat < revocations.not_issued_before ||
         (at != revocations.users.end() && iat < at->second);
}

TEST(Revocations, TakeBackWhatWasIssuedInTheSameSecondAndNothingThatComesAfter) {
  Revocations revocations;
  RevokeUser("ada", kNow, revocations);
  EXPECT_TRUE(IsTakenBack(revocations, "g", "ada", kNow));
  EXPECT_FALSE(IsTakenBack(revocations, "g", "bob", kNow));
  const absl::Time next = IssueSecond(revocations, "ada", kNow);
  EXPECT_FALSE(IsTakenBack(revocations, "g", "ada", next));
  // Nobody else's grants are dated later for it.
  EXPECT_EQ(IssueSecond(revocations, "bob", kNow), kNow);
  // Once more in that second: what was issued in between goes as well.
  RevokeUser("ada", kNow, revocations);
  EXPECT_TRUE(IsTakenBack(revocations, "g", "ada", next));

  const absl::Time of_ada = IssueSecond(revocations, "ada", kNow);
  RevokeAll(kNow, revocations);
  EXPECT_TRUE(IsTakenBack(revocations, "g", "ada", of_ada));
  EXPECT_TRUE(IsTakenBack(revocations, "g", "bob", kNow));
  const absl::Time of_bob = IssueSecond(revocations, "bob", kNow);
  EXPECT_FALSE(IsTakenBack(revocations, "g", "bob", of_bob));
  RevokeAll(kNow, revocations);
  EXPECT_TRUE(IsTakenBack(revocations, "g", "bob", of_bob));
  EXPECT_EQ(revocations.size(), 0u);  // `all` stands for every one of them
}

TEST(Revocations, SurviveTheirAnnotation) {
  Revocations revocations;
  EXPECT_EQ(EncodeRevocations(revocations), "");
  RevokeAll(kNow, revocations);
  RevokeOne("g1", kNow + absl::Seconds(5), revocations);
  RevokeUser("a\"d\xc3\xa4", kNow + absl::Seconds(5), revocations);
  const auto read = DecodeRevocations(EncodeRevocations(revocations));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, revocations);
  for (const char* mangled : {"{", "[]", "{\"grants\":[]}", "{\"users\":{\"a\":-1}}",
                              "{\"grants\":{\"a\":1e30}}", "{\"not_issued_before\":\"x\"}"}) {
    EXPECT_FALSE(DecodeRevocations(mangled).ok()) << mangled;
  }
}

// Proxies take no nameless one, and a hand may have written it: the others count all the same.
TEST(Revocations, WithoutANameAreSkipped) {
  const auto read = DecodeRevocations(R"({"grants":{"":7,"g1":8},"users":{"":9,"ada":10}})");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->grants, (std::map<std::string, int64_t>{{"g1", 8}}));
  EXPECT_EQ(read->users, (std::map<std::string, int64_t>{{"ada", 10}}));
}

TEST(Revocations, AreForgottenWhenNoCookieCanBeLeft) {
  Revocations revocations;
  RevokeOne("g1", kNow, revocations);
  RevokeUser("ada", kNow + absl::Hours(1), revocations);
  const absl::Time until = ForgottenAt(revocations);
  EXPECT_EQ(until, absl::FromUnixSeconds(1'800'003'601) + kRevocationLife);
  ForgetOld(until - absl::Minutes(30), revocations);
  EXPECT_EQ(revocations.grants.size(), 0u);
  EXPECT_EQ(revocations.users.size(), 1u);
  ForgetOld(until, revocations);
  EXPECT_TRUE(revocations.empty());
  EXPECT_EQ(ForgottenAt(revocations), absl::InfinitePast());
}

TEST(Revocations, BecomeATimeBeyondTheirBound) {
  Revocations revocations;
  for (size_t i = 0; i <= kRevocationsMax; ++i) {
    RevokeOne(absl::StrCat("g", i), kNow + absl::Seconds(i), revocations);
  }
  EXPECT_LE(revocations.size(), kRevocationsMax);
  EXPECT_GE(revocations.size(), kRevocationsMax / 2 - 1);
  for (size_t i = 0; i <= kRevocationsMax; ++i) {
    EXPECT_TRUE(IsTakenBack(revocations, absl::StrCat("g", i), "", kNow + absl::Seconds(i))) << i;
  }
  // And by their bytes.
  Revocations users;
  for (int i = 0; i < 600; ++i) {
    RevokeUser(absl::StrCat(i, std::string(250, 'u')), kNow + absl::Seconds(i), users);
  }
  EXPECT_LE(EncodeRevocations(users).size(), kRevocationsBytesMax);
  for (int i = 0; i < 600; ++i) {
    EXPECT_TRUE(
        IsTakenBack(users, "", absl::StrCat(i, std::string(250, 'u')), kNow + absl::Seconds(i)));
  }
}

TEST(Revocations, MergeToWhatEitherTakesBack) {
  Revocations a;
  Revocations b;
  RevokeOne("g1", kNow, a);
  RevokeUser("ada", kNow, a);
  RevokeUser("ada", kNow + absl::Seconds(9), b);
  RevokeOne("g2", kNow, b);
  EXPECT_FALSE(Covers(a, b));
  EXPECT_FALSE(Covers(b, a));
  Revocations both = a;
  Merge(b, both);
  EXPECT_TRUE(Covers(both, a));
  EXPECT_TRUE(Covers(both, b));
  RevokeAll(kNow + absl::Seconds(20), b);
  EXPECT_TRUE(Covers(b, both));
  Merge(b, both);
  EXPECT_EQ(both, b);
}

}  // namespace
}  // namespace spawner
