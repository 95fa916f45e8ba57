#ifndef SPAWNER_CONTROLLER_CORE_PROXY_PODS_H_
#define SPAWNER_CONTROLLER_CORE_PROXY_PODS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "controller/core/core.h"
#include "controller/kube/kube_client.h"

namespace spawner::core {

// While proxies are lost, looks whether their pods are still there: a pod that is gone, finished or
// replaced by another of the same name is the proof of the proxy's death. Asks about one at a time,
// all again after kProxyPodInterval; asks nothing while no proxy is lost.
// Thread: the loop's. Owner: Engine.
class ProxyPods {
 public:
  ProxyPods(kube::KubeClient& kube, Core& core) : kube_(kube), core_(core) {}
  ProxyPods(const ProxyPods&) = delete;
  ProxyPods& operator=(const ProxyPods&) = delete;

  void Step(Instant now);
  // An answer wakes the loop by itself.
  Instant NextWake() const { return is_asking_ ? Instant::Infinite() : next_at_; }

 private:
  void OnAnswer(const std::string& uid, const absl::StatusOr<std::string>& json);

  kube::KubeClient& kube_;
  Core& core_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();  // as Core's
  bool is_asking_ = false;
  size_t position_ = 0;
  Instant next_at_ = Instant::Infinite();
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_PROXY_PODS_H_
