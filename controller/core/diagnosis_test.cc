#include "controller/core/diagnosis.h"

#include <gtest/gtest.h>

#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/version.h"
#include "controller/kube/fake_http_transport.h"
#include "controller/kube/http_kube_client.h"

namespace spawner::core {
namespace {

// Answers each question of a diagnosis until it ends; what it found, by check.
class DiagnosisTest : public testing::Test {
 protected:
  using Findings = std::map<std::string, Finding>;

  std::string Answer(const kube::HttpRequest& request, int* code) const {
    *code = 200;
    if (absl::StrContains(request.path, "/secrets/")) return "{}";
    if (absl::StrContains(request.path, "selfsubjectaccessreviews")) {
      *code = 201;
      const bool is_denied = !denied_.empty() && absl::StrContains(request.body, denied_);
      return absl::StrCat(R"({"status":{"allowed":)", is_denied ? "false" : "true", "}}");
    }
    *code = dry_run_code_;
    if (dry_run_code_ != 201) return R"({"kind":"Status","message":"violates PodSecurity"})";
    return absl::StrCat(
        R"({"metadata":{"creationTimestamp":")",
        absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", clock_.WallNow() + skew_, absl::UTCTimeZone()),
        "\"}}");
  }

  Findings Run(DiagnosisOptions options) {
    Findings found;
    bool has_ended = false;
    const auto diagnosis = std::make_shared<Diagnosis>(kube_, clock_, std::move(options));
    diagnosis->Start([&found](const Finding& finding) { found[finding.check] = finding; },
                     [&has_ended] { has_ended = true; });
    while (!has_ended) {
      const auto id = transport_.last();
      EXPECT_TRUE(transport_.IsOpen(id));
      if (!transport_.IsOpen(id)) break;
      clock_.Advance(latency_);
      if (is_down_) {
        transport_.End(id, absl::UnavailableError("connection refused"));
        continue;
      }
      int code = 0;
      const std::string body = Answer(transport_.sent()[id - 1], &code);
      transport_.Answer(id, code, body);
    }
    for (const auto& [check, finding] : found) {
      EXPECT_EQ(finding.is_ok, finding.remedy.empty()) << check << ": " << finding.message;
      EXPECT_NE(finding.message, "") << check;
    }
    return found;
  }

  FakeClock clock_;
  kube::FakeHttpTransport transport_;
  kube::HttpKubeClient kube_{transport_};
  std::string denied_;
  int dry_run_code_ = 201;
  absl::Duration skew_;
  absl::Duration latency_ = absl::Milliseconds(5);
  bool is_down_ = false;
};

const DiagnosisOptions kOne = {.namespaces = {"apps"}, .system_namespace = "sys"};

TEST_F(DiagnosisTest, FindsNothingWhereAllIsWell) {
  for (const auto& [check, finding] : Run(kOne)) {
    EXPECT_TRUE(finding.is_ok) << check << ": " << finding.message;
  }
  EXPECT_TRUE(absl::StrContains(transport_.sent().back().path, "dryRun=All"));
}

TEST_F(DiagnosisTest, NamesTheRightThatIsMissing) {
  denied_ = R"("verb":"patch")";
  const Findings found = Run(kOne);
  EXPECT_FALSE(found.at("rbac.pods.patch").is_ok);
  EXPECT_EQ(found.at("rbac.pods.patch").message, "not allowed in namespace apps");
  EXPECT_TRUE(found.at("rbac.pods.create").is_ok);
  EXPECT_TRUE(found.at("rbac.pods/log.get").is_ok);
}

TEST_F(DiagnosisTest, AsksForAllNamespacesWhereAllAreServed) {
  const Findings found = Run({.namespaces = {"*"}, .system_namespace = "sys"});
  EXPECT_FALSE(absl::StrContains(transport_.sent()[1].body, "\"namespace\""));
  EXPECT_TRUE(found.at("clock.kubernetes").is_ok) << "clocks are compared there too";
}

TEST_F(DiagnosisTest, AsksForReviewsAndTheTokensSecretWhereTheyAreNeededOnly) {
  EXPECT_EQ(Run(kOne).count("rbac.tokenreviews.create"), 0u);
  DiagnosisOptions all = kOne;
  all.reviews_tokens = all.reviews_access = true;
  all.token_secret = "tokens";
  for (const auto& [check, finding] : Run(all)) {
    EXPECT_TRUE(finding.is_ok) << check << ": " << finding.message;
  }
  denied_ = R"("resource":"tokenreviews")";
  Findings found = Run(all);
  EXPECT_TRUE(absl::StrContains(found.at("rbac.tokenreviews.create").remedy,
                                "--clusterrole=system:auth-delegator "
                                "--serviceaccount=sys:spawner-controller"));
  EXPECT_TRUE(found.at("rbac.subjectaccessreviews.create").is_ok);
  denied_ = R"("resource":"subjectaccessreviews")";
  EXPECT_FALSE(Run(all).at("rbac.subjectaccessreviews.create").is_ok);
  denied_ = R"("name":"tokens")";
  found = Run(all);
  EXPECT_EQ(found.at("rbac.secrets.get").message, "not allowed on tokens in namespace sys");
  EXPECT_TRUE(absl::StrContains(found.at("rbac.secrets.get").remedy, "--token-secret"));
}

TEST_F(DiagnosisTest, AsksForTheMetricsAndForTheProxiesPods) {
  DiagnosisOptions all = kOne;
  all.proxy_namespaces = {"edge"};
  denied_ = R"("group":"metrics.k8s.io")";
  Findings found = Run(all);
  EXPECT_FALSE(found.at("rbac.pods.metrics.k8s.io.list").is_ok);
  EXPECT_TRUE(absl::StrContains(found.at("rbac.pods.metrics.k8s.io.list").remedy, "spawnctl top"));
  EXPECT_TRUE(found.at("rbac.pods.list").is_ok) << "another right";
  denied_ = R"("namespace":"edge")";
  found = Run(all);
  EXPECT_EQ(found.at("rbac.pods.get").message, "not allowed in namespace edge");
}

TEST_F(DiagnosisTest, SaysWhyAPodWouldNotBeAdmitted) {
  dry_run_code_ = 403;
  const Finding finding = Run(kOne).at("kubernetes.pods.apps");
  EXPECT_FALSE(finding.is_ok);
  EXPECT_TRUE(absl::StrContains(finding.message, "violates PodSecurity")) << finding.message;
}

TEST_F(DiagnosisTest, ComparesClocks) {
  EXPECT_TRUE(Run(kOne).at("clock.kubernetes").is_ok);
  skew_ = absl::Seconds(-60);
  EXPECT_FALSE(Run(kOne).at("clock.kubernetes").is_ok);
  skew_ = absl::Seconds(60);
  EXPECT_FALSE(Run(kOne).at("clock.kubernetes").is_ok);
}

TEST_F(DiagnosisTest, EndsAtOnceWhereNobodyAnswersAndTellsOfSlowness) {
  is_down_ = true;
  EXPECT_EQ(Run(kOne).size(), 1u);
  is_down_ = false;
  latency_ = absl::Seconds(2);
  EXPECT_FALSE(Run(kOne).at("kubernetes.reachable").is_ok);
}

TEST_F(DiagnosisTest, TheEmbeddedKubernetesHasNoRbacToAskFor) {
  EXPECT_EQ(Run({.namespaces = {"apps"}, .system_namespace = "sys", .is_local = true}).size(), 1u);
}

TEST_F(DiagnosisTest, MayBeDroppedWhileAQuestionIsOpen) {
  auto diagnosis = std::make_shared<Diagnosis>(kube_, clock_, kOne);
  diagnosis->Start([](const Finding&) { FAIL(); }, [] { FAIL(); });
  diagnosis.reset();
  transport_.Answer(transport_.last(), 200, "{}");
}

TEST(FindingsOf, SaysWhatIsWrongWithLeaderViewAndProxies) {
  CoreStatus status;
  status.leader_id = "c1";
  status.proxies.push_back({.id = "p1", .version = kVersion, .is_connected = true});
  for (const Finding& finding : FindingsOf(status)) {
    EXPECT_TRUE(finding.is_ok) << finding.check << ": " << finding.message;
  }
  status.leader_id.clear();
  status.kubernetes_status = absl::UnavailableError("connection refused");
  status.proxies[0].version = "0.0.9";
  status.proxies.push_back({.id = "p2", .version = kVersion});
  for (const Finding& finding : FindingsOf(status)) {
    EXPECT_FALSE(finding.is_ok) << finding.check;
    EXPECT_NE(finding.remedy, "") << finding.check;
  }
  status.proxies.clear();
  EXPECT_FALSE(FindingsOf(status)[2].is_ok);
}

}  // namespace
}  // namespace spawner::core
