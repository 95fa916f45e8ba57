#ifndef SPAWNER_CONTROLLER_CORE_SESSION_ERROR_H_
#define SPAWNER_CONTROLLER_CORE_SESSION_ERROR_H_

#include <utility>

#include "absl/status/status.h"
#include "base/status.h"

namespace spawner::core {

// The error with the details that every error about one session has: namespace, session, epoch. Of
// a PodIdentity or a SessionView.
template <typename Named>
absl::Status OfSession(absl::Status status, const Named& named) {
  status = WithDetail(std::move(status), {"namespace", named.ns});
  status = WithDetail(std::move(status), {"session", named.id.value});
  return WithDetail(std::move(status), {"epoch", named.epoch.value});
}

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_SESSION_ERROR_H_
