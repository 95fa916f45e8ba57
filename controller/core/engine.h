#ifndef SPAWNER_CONTROLLER_CORE_ENGINE_H_
#define SPAWNER_CONTROLLER_CORE_ENGINE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/random.h"
#include "controller/core/core.h"
#include "controller/core/proxy_pods.h"
#include "controller/kube/http_transport.h"
#include "controller/kube/kube_client.h"
#include "controller/kube/lease.h"
#include "controller/kube/pod_reflector.h"

namespace spawner::core {

// The core with what feeds it: one reflector per namespace, the election, the look for the pods of
// lost proxies.
// Thread: the loop's. Owner: main.
class Engine {
 public:
  // All outlive it. `elector` is stepped here and by nobody else.
  struct World {
    kube::HttpTransport& transport;
    kube::KubeClient& kube;
    kube::LeaseElector& elector;
    const Clock& clock;
    Random& random;
  };

  Engine(World world, const CoreOptions& options);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  Core& core() { return core_; }

  // For the loop: a part of it.
  void Step(Instant now);
  Instant NextWake() const;

 private:
  void FollowElection(Instant now);
  void TellElectionStatus(Instant now);

  World world_;
  Core core_;
  std::vector<std::unique_ptr<kube::PodReflector>> reflectors_;
  ProxyPods proxy_pods_;
  std::string roster_in_flight_;
  const std::string controller_id_;
  absl::Status election_status_;  // as last logged
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_ENGINE_H_
