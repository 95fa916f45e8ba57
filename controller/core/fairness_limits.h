#ifndef SPAWNER_CONTROLLER_CORE_FAIRNESS_LIMITS_H_
#define SPAWNER_CONTROLLER_CORE_FAIRNESS_LIMITS_H_

#include <cstdint>

#include "controller/core/per_namespace.h"
#include "controller/core/start_queue.h"

namespace spawner::core {

// What each may have at most; 0: no limit. A user's are the sessions that were started for that
// user in a namespace, and the connections to them, whoever's they are.
struct FairnessLimits {
  PerNamespace<int64_t> sessions_per_namespace;
  PerNamespace<int64_t> connections_per_namespace;  // open now; more users are refused a grant
  PerNamespace<int64_t> sessions_per_user;
  PerNamespace<int64_t> connections_per_user;
  StartLimits starts;                           // in flight; more wait
  PerNamespace<double> connects_per_namespace;  // a second
  double connects_per_caller = 0;

  bool HasAny() const {
    return sessions_per_namespace.HasAny() || connections_per_namespace.HasAny() ||
           sessions_per_user.HasAny() || connections_per_user.HasAny() ||
           starts.per_namespace.HasAny() || starts.per_user.HasAny() || starts.total > 0 ||
           connects_per_namespace.HasAny() || connects_per_caller > 0;
  }
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_FAIRNESS_LIMITS_H_
