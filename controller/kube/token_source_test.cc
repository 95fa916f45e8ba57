#include "controller/kube/token_source.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "controller/kube/limits.h"

namespace spawner::kube {
namespace {

class TokenSourceTest : public testing::Test {
 protected:
  void Write(const std::string& text) { std::ofstream(path_) << text; }
  std::string Get() { return source_.Get(clock_.Now()).value_or("error"); }

  const std::string path_ = testing::TempDir() + "/token";
  FakeClock clock_;
  TokenSource source_{"static", path_};
};

TEST(TokenSource, GivesTheStaticTokenOrNone) {
  EXPECT_EQ(*TokenSource("", "").Get(Instant{}), "");
  EXPECT_EQ(*TokenSource("t", "").Get(Instant{}), "t");
  EXPECT_EQ(TokenSource("a\nInjected: b", "").Get(Instant{}).status().code(),
            absl::StatusCode::kUnauthenticated);
}

TEST_F(TokenSourceTest, ReadsTheFileAgainAfterAMinute) {
  Write("one\n");
  EXPECT_EQ(Get(), "one");
  Write("two");
  EXPECT_EQ(Get(), "one");
  clock_.Advance(kTokenFileAge);
  EXPECT_EQ(Get(), "two");
}

TEST_F(TokenSourceTest, ReadsTheFileAtOnceAfterARefusal) {
  Write("one");
  EXPECT_EQ(Get(), "one");
  Write("two");
  source_.Refused();
  EXPECT_EQ(Get(), "two");
}

TEST_F(TokenSourceTest, KeepsTheLastTokenWhileTheFileIsAway) {
  Write("one");
  EXPECT_EQ(Get(), "one");
  std::remove(path_.c_str());
  clock_.Advance(kTokenFileAge);
  EXPECT_EQ(Get(), "one");
  Write("a\r\nb");
  clock_.Advance(kTokenFileAge);
  EXPECT_EQ(Get(), "one");
}

TEST_F(TokenSourceTest, SaysThatThereNeverWasAToken) {
  std::remove(path_.c_str());
  EXPECT_EQ(source_.Get(clock_.Now()).status(),
            absl::UnauthenticatedError("read " + path_ + ": No such file or directory"));
  Write("");
  EXPECT_EQ(source_.Get(clock_.Now()).status(),
            absl::UnauthenticatedError("read " + path_ + ": holds no token"));
  Write("late");
  EXPECT_EQ(Get(), "late");
}

}  // namespace
}  // namespace spawner::kube
