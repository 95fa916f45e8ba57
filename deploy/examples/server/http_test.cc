#include "deploy/examples/server/http.h"

#include <gtest/gtest.h>

namespace spawner::examples {
namespace {

Request WithTarget(std::string target) {
  Request request;
  request.target = std::move(target);
  return request;
}

TEST(Query, FindsAParameterWhereverItStands) {
  const Request request = WithTarget("/p?a=1&bb=two&c&d=");
  EXPECT_EQ(request.Query("a"), "1");
  EXPECT_EQ(request.Query("bb"), "two");
  EXPECT_EQ(request.Query("c"), "");
  EXPECT_EQ(request.Query("d"), "");
  EXPECT_EQ(request.Query("b"), std::nullopt);
  EXPECT_EQ(WithTarget("/a=1").Query("a"), std::nullopt);
  EXPECT_EQ(WithTarget("/?&&a=1&").Query("a"), "1");
}

TEST(Number, RefusesWhatIsNoNumberInItsRange) {
  EXPECT_EQ(WithTarget("/").Number("n", 7, 9), 7u);
  EXPECT_EQ(WithTarget("/?n=9").Number("n", 7, 9), 9u);
  for (const char* bad : {"/?n=10", "/?n=", "/?n=-1", "/?n=1x", "/?n=99999999999999999999"}) {
    EXPECT_EQ(WithTarget(bad).Number("n", 7, 9), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace spawner::examples
