#include "controller/kube/api_path.h"

#include <gtest/gtest.h>

namespace spawner::kube {
namespace {

TEST(ApiPath, NamesRequestsInTheWordsOfRbac) {
  const auto text = [](absl::string_view method, absl::string_view path) {
    return NameRequest(method, path).Text();
  };
  EXPECT_EQ(text("GET", "/api/v1/namespaces/a/pods/s-1"), "get pod a/s-1");
  EXPECT_EQ(text("GET", "/api/v1/namespaces/a/pods?limit=5"), "list pods in namespace a");
  EXPECT_EQ(text("GET", "/api/v1/pods?watch=true"), "watch pods in all namespaces");
  EXPECT_EQ(text("PATCH", "/api/v1/namespaces/a/pods/s-1"), "patch pod a/s-1");
  EXPECT_EQ(text("POST", "/api/v1/namespaces/a/pods"), "create pod a/(unnamed)");
  EXPECT_EQ(text("POST", "/apis/authentication.k8s.io/v1/tokenreviews"), "create a tokenreview");
  EXPECT_EQ(text("GET", "/api/v1/namespaces/a/pods/s-1/log?follow=true"), "get pods/log a/s-1");
  EXPECT_EQ(text("PUT", "/apis/coordination.k8s.io/v1/namespaces/a/leases/l"), "update lease a/l");
  EXPECT_EQ(text("GET", "/api/v1/namespaces/a"), "get namespace a");
  EXPECT_EQ(text("GET", "/api/v1/nodes/n1"), "get node n1");
  EXPECT_EQ(text("GET", "/readyz"), "get /readyz");
  EXPECT_EQ(text("GET", ""), "get ");
}

TEST(ApiPath, Paths) {
  EXPECT_EQ(PodsPath(""), "/api/v1/pods");
  EXPECT_EQ(PodPath("a", "s-1"), "/api/v1/namespaces/a/pods/s-1");
  EXPECT_EQ(QueryEscape("a/b=c d~\xff"), "a%2Fb%3Dc%20d~%FF");
}

}  // namespace
}  // namespace spawner::kube
