#ifndef SPAWNER_CONTROLLER_CORE_EXPLANATION_H_
#define SPAWNER_CONTROLLER_CORE_EXPLANATION_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/kube/pod_event.h"
#include "controller/route/inspect.h"
#include "controller/route/proxy_usage.h"
#include "controller/session/history.h"
#include "controller/session/session.h"

namespace spawner::core {

// All that is known of one incarnation, for who asks why.
struct Explanation {
  struct Proxy {
    route::ProxyUsage usage;
    // The oldest first; empty if the proxy did not answer in time.
    std::vector<route::InspectedConnection> connections;
  };

  SessionView session;
  std::vector<std::string> reasons_alive;
  std::vector<Proxy> proxies;
  std::vector<Transition> transitions;
  std::string verdict;
  std::vector<kube::PodEvent> events;
  // Why there are none, if they could not be read.
  absl::Status events_status;
};

using ExplainDone = std::function<void(absl::StatusOr<Explanation>)>;

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_EXPLANATION_H_
