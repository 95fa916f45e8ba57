#include "controller/local/api_path.h"

#include "gtest/gtest.h"

namespace spawner::local {
namespace {

TEST(ApiPath, ReadsEachForm) {
  std::optional<ApiPath> path = ParseApiPath("/api/v1/namespaces/a/pods/b/log?follow=true");
  ASSERT_TRUE(path.has_value());
  EXPECT_EQ(path->resource, Resource::kPods);
  EXPECT_EQ(path->ns, "a");
  EXPECT_EQ(path->name, "b");
  EXPECT_EQ(path->subresource, "log");
  EXPECT_TRUE(path->IsQueryTrue("follow"));

  path = ParseApiPath("/apis/coordination.k8s.io/v1/namespaces/a/leases");
  ASSERT_TRUE(path.has_value());
  EXPECT_EQ(path->resource, Resource::kLeases);
  EXPECT_EQ(path->name, "");

  path = ParseApiPath("/api/v1/pods?labelSelector=a%3Db%2Cc+in+%28d%29&limit=5");
  ASSERT_TRUE(path.has_value());
  EXPECT_EQ(path->ns, "");
  EXPECT_EQ(path->Query("labelSelector"), "a=b,c in (d)");
  EXPECT_EQ(path->Query("limit"), "5");
  EXPECT_EQ(path->Query("watch"), "");

  path = ParseApiPath("/version");
  ASSERT_TRUE(path.has_value());
  EXPECT_EQ(path->plain, "/version");
}

TEST(ApiPath, RefusesWhatIsNotOurs) {
  for (const char* text :
       {"", "pods", "/api/v1", "/api/v1/nodes", "/api/v2/pods", "/apis/apps/v1/pods",
        "/api/v1/pods/x", "/api/v1/namespaces/A_/pods", "/api/v1/namespaces//pods",
        "/api/v1/namespaces/a/pods/b/log/c", "/api/v1/namespaces/a/leases", "/api/v1/pods?a=%4",
        "/api/v1/pods?a=%zz", "/api/v1/namespaces/a"}) {
    EXPECT_FALSE(ParseApiPath(text).has_value()) << text;
  }
  EXPECT_FALSE(ParseApiPath("/" + std::string(10'000, 'a')).has_value());
}

}  // namespace
}  // namespace spawner::local
