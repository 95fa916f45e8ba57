#ifndef SPAWNER_CONTROLLER_CORE_POD_USAGE_H_
#define SPAWNER_CONTROLLER_CORE_POD_USAGE_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "controller/kube/kube_client.h"
#include "controller/kube/pod_metrics.h"

namespace spawner::core {

// CPU and memory of sessions' pods, from Kubernetes' metrics API when somebody asks: nothing is
// asked of it otherwise. An answer is good for kUsageFresh, and who asks while a request is under
// way shares its answer, so that many who look cost no more than one.
// Thread: the loop's, as a part of it. Owner: main. `kube` outlives it.
class PodUsage {
 public:
  // Valid for the call.
  using Done = std::function<void(const absl::StatusOr<kube::PodMetricsMap>&)>;

  PodUsage(kube::KubeClient& kube, const Clock& clock) : kube_(kube), clock_(clock) {}
  PodUsage(const PodUsage&) = delete;
  PodUsage& operator=(const PodUsage&) = delete;

  // Of one namespace, or of all ("") where the controller serves all. Answers within kUsageWaitMax;
  // from within the call if it is known. NOT_FOUND: this Kubernetes has no metrics API.
  // PERMISSION_DENIED, UNAVAILABLE, DEADLINE_EXCEEDED.
  void Ask(const std::string& ns, Done done);

  void Step(Instant now);
  Instant NextWake() const;

 private:
  struct Namespace {
    std::vector<Done> waiting;
    Instant answer_by = Instant::Infinite();  // of those who wait
    uint64_t asked = 0;                       // the number of the request that counts
    Instant fresh_until{};
    absl::StatusOr<kube::PodMetricsMap> known;
  };

  void Answer(Namespace& ns, absl::StatusOr<kube::PodMetricsMap> answer);

  kube::KubeClient& kube_;
  const Clock& clock_;
  uint64_t last_asked_ = 0;
  std::map<std::string, Namespace> namespaces_;  // that were asked for: those that are served
  const std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_POD_USAGE_H_
