#include "controller/core/pod_usage.h"

#include <optional>
#include <string>

#include "base/status.h"
#include "controller/core/limits.h"
#include "controller/kube/fake_http_transport.h"
#include "controller/kube/http_kube_client.h"
#include "gtest/gtest.h"

namespace spawner::core {
namespace {

constexpr char kList[] = R"({"kind":"PodMetricsList","items":[
   {"metadata":{"name":"s-1","namespace":"a"},"timestamp":"2026-11-30T12:00:05Z",
    "containers":[{"name":"backend","usage":{"cpu":"250m","memory":"1Mi"}}]}]})";

class PodUsageTest : public testing::Test {
 protected:
  // What an Ask answered; nothing: not yet.
  struct Asked {
    std::optional<absl::StatusOr<kube::PodMetricsMap>> answer;
  };
  void Ask(const std::string& ns, Asked& asked) {
    usage_.Ask(ns, [&asked](const absl::StatusOr<kube::PodMetricsMap>& answer) {
      asked.answer.emplace(answer);
    });
  }

  FakeClock clock_;
  kube::FakeHttpTransport transport_;
  kube::HttpKubeClient client_{transport_};
  PodUsage usage_{client_, clock_};
};

TEST_F(PodUsageTest, ManyWhoAskCostOneRequest) {
  Asked first, second, third, later;
  Ask("a", first);
  Ask("a", second);
  ASSERT_EQ(transport_.sent().size(), 1u);
  EXPECT_EQ(transport_.sent()[0].path,
            "/apis/metrics.k8s.io/v1beta1/namespaces/a/pods?labelSelector="
            "spawner.dev%2Fmanaged%3Dtrue");
  transport_.Answer(1, 200, kList);
  ASSERT_TRUE(first.answer.has_value() && second.answer.has_value());
  ASSERT_TRUE(first.answer->ok()) << first.answer->status();
  EXPECT_EQ((**first.answer).at({"a", "s-1"}).cpu_cores, 0.25);
  clock_.Advance(kUsageFresh - absl::Milliseconds(1));
  Ask("a", third);
  EXPECT_TRUE(third.answer.has_value()) << "known still";
  clock_.Advance(absl::Milliseconds(1));
  Ask("a", later);
  EXPECT_FALSE(later.answer.has_value());
  EXPECT_EQ(transport_.sent().size(), 2u);
  EXPECT_GT(usage_.NextWake(), clock_.Now());
}

TEST_F(PodUsageTest, NamespacesAreAskedApart) {
  Asked one, all;
  Ask("a", one);
  Ask("", all);
  ASSERT_EQ(transport_.sent().size(), 2u);
  transport_.Answer(2, 200, kList);
  EXPECT_FALSE(one.answer.has_value());
  EXPECT_TRUE(all.answer.has_value());
}

TEST_F(PodUsageTest, WithoutAMetricsApiItSaysWhatToInstall) {
  Asked asked, again;
  Ask("a", asked);
  transport_.Answer(1, 404, "404 page not found\n");
  ASSERT_TRUE(asked.answer.has_value());
  EXPECT_EQ(asked.answer->status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(asked.answer->status().message().find("install metrics-server"), std::string::npos);
  Ask("a", again);
  EXPECT_EQ(transport_.sent().size(), 1u) << "an error is good for as long";
}

TEST_F(PodUsageTest, WithoutARightItSaysWhichOne) {
  Asked asked;
  Ask("a", asked);
  transport_.Answer(1, 403, R"({"kind":"Status","message":"pods.metrics.k8s.io is forbidden"})");
  ASSERT_TRUE(asked.answer.has_value());
  EXPECT_EQ(asked.answer->status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_NE(asked.answer->status().message().find("rbac.yaml"), std::string::npos);
}

TEST_F(PodUsageTest, AnAnswerThatDoesNotComeIsNotWaitedFor) {
  Asked asked, next;
  Ask("a", asked);
  EXPECT_EQ(usage_.NextWake(), clock_.Now() + kUsageWaitMax);
  clock_.Advance(kUsageWaitMax);
  usage_.Step(clock_.Now());
  ASSERT_TRUE(asked.answer.has_value());
  EXPECT_EQ(asked.answer->status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(usage_.NextWake(), Instant::Infinite());
  clock_.Advance(kUsageFresh);
  Ask("a", next);
  transport_.Answer(1, 200, R"({"items":[]})");
  EXPECT_FALSE(next.answer.has_value()) << "the first request's answer is not this one's";
  transport_.Answer(2, 200, kList);
  ASSERT_TRUE(next.answer.has_value());
  EXPECT_EQ((**next.answer).size(), 1u);
}

}  // namespace
}  // namespace spawner::core
