#include "controller/kube/pod_metrics.h"

#include <string>

#include "base/status.h"
#include "gtest/gtest.h"

namespace spawner::kube {
namespace {

// As metrics-server 0.7 answers.
constexpr char kList[] = R"({"kind":"PodMetricsList","apiVersion":"metrics.k8s.io/v1beta1",
  "metadata":{},"items":[
   {"metadata":{"name":"s-1","namespace":"a","labels":{"spawner.dev/managed":"true"}},
    "timestamp":"2026-11-30T12:00:05Z","window":"15.04s","containers":[
     {"name":"backend","usage":{"cpu":"123456789n","memory":"20480Ki"}},
     {"name":"sidecar","usage":{"cpu":"1m","memory":"1Mi"}}]},
   {"metadata":{"name":"s-2","namespace":"b"},"timestamp":"2026-11-30T12:00:06Z",
    "window":"15s","containers":[{"name":"backend","usage":{"cpu":"0","memory":"512"}}]}]})";

TEST(PodMetrics, AreTheSumOfThePodsContainers) {
  const absl::StatusOr<PodMetricsMap> all = DecodePodMetrics(kList);
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->size(), 2u);
  const PodMetrics& first = all->at({"a", "s-1"});
  EXPECT_NEAR(first.cpu_cores, 0.124456789, 1e-12);
  EXPECT_EQ(first.memory_bytes, 21 << 20);
  EXPECT_EQ(absl::FormatTime(first.time, absl::UTCTimeZone()), "2026-11-30T12:00:05+00:00");
  EXPECT_EQ(all->at({"b", "s-2"}).memory_bytes, 512);
}

TEST(PodMetrics, WhatIsNoListIsAnError) {
  for (const char* text : {"", "[]", "7", R"({"items":7})", R"({"items":[7]})",
                           R"({"items":[{"metadata":{"name":"x"},"containers":{}}]})"}) {
    EXPECT_FALSE(DecodePodMetrics(text).ok()) << text;
  }
  // A container of which nothing is known yet is none that uses anything.
  EXPECT_TRUE(DecodePodMetrics(R"({"items":[{"metadata":{"name":"x"},"containers":[{}]}]})").ok());
}

TEST(PodMetrics, QuantitiesAreKubernetes) {
  EXPECT_EQ(ParseQuantity("2"), 2.0);
  EXPECT_EQ(ParseQuantity("0.5"), 0.5);
  EXPECT_EQ(ParseQuantity("250m"), 0.25);
  EXPECT_EQ(ParseQuantity("1500u"), 0.0015);
  EXPECT_EQ(ParseQuantity("1536Ki"), 1536 * 1024.0);
  EXPECT_EQ(ParseQuantity("3M"), 3e6);
  EXPECT_EQ(ParseQuantity("1e3"), 1000.0);
  EXPECT_EQ(ParseQuantity("2E"), 2e18);
  for (const char* text : {"", "-1", "m", "1 Ki", "inf", "nan", "1x", "0x10", "1e999"}) {
    EXPECT_EQ(ParseQuantity(text), std::nullopt) << text;
  }
}

TEST(PodMetrics, ThePathAsksForSessionsOnly) {
  EXPECT_EQ(PodMetricsPath("a", "spawner.dev/managed=true"),
            "/apis/metrics.k8s.io/v1beta1/namespaces/a/pods?labelSelector="
            "spawner.dev%2Fmanaged%3Dtrue");
  EXPECT_EQ(PodMetricsPath("", "x"), "/apis/metrics.k8s.io/v1beta1/pods?labelSelector=x");
}

}  // namespace
}  // namespace spawner::kube
