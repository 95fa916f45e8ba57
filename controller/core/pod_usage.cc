#include "controller/core/pod_usage.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/core/limits.h"
#include "controller/session/pod_template.h"

namespace spawner::core {
namespace {

// What to do about it is for people; the code is the API server's.
absl::Status Explained(const absl::Status& error) {
  if (absl::IsNotFound(error)) {
    return absl::NotFoundError(
        "this Kubernetes has no metrics API (metrics.k8s.io): install metrics-server");
  }
  if (absl::IsPermissionDenied(error)) {
    return absl::PermissionDeniedError(absl::StrCat(
        error.message(),
        "; let the controller list pods of metrics.k8s.io, as deploy/manifests/base/rbac.yaml"));
  }
  return error;
}

}  // namespace

void PodUsage::Ask(const std::string& ns, Done done) {
  const Instant now = clock_.Now();
  Namespace& of = namespaces_[ns];
  if (now < of.fresh_until) return done(of.known);
  of.waiting.push_back(std::move(done));
  if (of.waiting.size() > 1) return;
  of.answer_by = now + kUsageWaitMax;
  of.asked = ++last_asked_;
  kube_.GetObject(kube::PodMetricsPath(ns, absl::StrCat(kManagedLabel, "=true")),
                  [this, alive = std::weak_ptr<char>(alive_), ns,
                   asked = of.asked](const absl::StatusOr<std::string>& text) {
                    if (alive.expired() || namespaces_[ns].asked != asked) return;
                    Answer(namespaces_[ns],
                           text.ok() ? kube::DecodePodMetrics(*text) : Explained(text.status()));
                  });
}

void PodUsage::Answer(Namespace& ns, absl::StatusOr<kube::PodMetricsMap> answer) {
  ns.answer_by = Instant::Infinite();
  ns.asked = 0;
  ns.fresh_until = clock_.Now() + kUsageFresh;
  ns.known = std::move(answer);
  // Whoever is told may ask again: that is the next round.
  const std::vector<Done> waiting = std::exchange(ns.waiting, {});
  for (const Done& done : waiting) done(ns.known);
}

void PodUsage::Step(Instant now) {
  for (auto& [name, ns] : namespaces_) {
    if (now < ns.answer_by) continue;
    Answer(ns, absl::DeadlineExceededError(absl::StrCat("the metrics API did not answer within ",
                                                        absl::FormatDuration(kUsageWaitMax))));
  }
}

Instant PodUsage::NextWake() const {
  Instant next = Instant::Infinite();
  for (const auto& [name, ns] : namespaces_) next = std::min(next, ns.answer_by);
  return next;
}

}  // namespace spawner::core
