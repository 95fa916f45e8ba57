#ifndef SPAWNER_CONTROLLER_CORE_ALL_SESSIONS_H_
#define SPAWNER_CONTROLLER_CORE_ALL_SESSIONS_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/core/params.h"
#include "controller/session/session.h"

namespace spawner::core {

using ListSessions = std::function<absl::StatusOr<ListResult>(const ListParams&)>;

// Calls `visit` for every session there is, in one turn: for an operator's seldom orders. The
// list's errors; INTERNAL if its pages do not end.
absl::Status VisitAllSessions(const ListSessions& list,
                              const std::function<void(const SessionView&)>& visit);

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_ALL_SESSIONS_H_
