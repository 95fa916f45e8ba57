#include "proxy/route/ignored_path.h"

#include "gtest/gtest.h"

namespace spawner::proxy {
namespace {

Route WithPaths() {
  Route route;
  route.ignore_paths = {"/healthz", "/poll/*", "/"};
  return route;
}

TEST(IgnoredPath, IsThePathItselfWhateverItsQuery) {
  const Route route = WithPaths();
  EXPECT_TRUE(IsIgnoredPath(route, "/healthz"));
  EXPECT_TRUE(IsIgnoredPath(route, "/healthz?now=1"));
  EXPECT_FALSE(IsIgnoredPath(route, "/healthz/"));
  EXPECT_FALSE(IsIgnoredPath(route, "/health"));
  EXPECT_FALSE(IsIgnoredPath(route, "/HEALTHZ"));
}

TEST(IgnoredPath, AStarIsEveryContinuation) {
  const Route route = WithPaths();
  EXPECT_TRUE(IsIgnoredPath(route, "/poll/"));
  EXPECT_TRUE(IsIgnoredPath(route, "/poll/a/b?c"));
  EXPECT_FALSE(IsIgnoredPath(route, "/poll"));
  EXPECT_FALSE(IsIgnoredPath(route, "/pollen"));
}

TEST(IgnoredPath, NothingBehindThePrefixIsTheRoot) {
  EXPECT_TRUE(IsIgnoredPath(WithPaths(), ""));
  EXPECT_TRUE(IsIgnoredPath(WithPaths(), "?a=b"));
  EXPECT_FALSE(IsIgnoredPath(Route(), "/"));
}

}  // namespace
}  // namespace spawner::proxy
