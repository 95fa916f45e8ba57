#ifndef SPAWNER_CONTROLLER_CORE_ALL_SESSIONS_H_
#define SPAWNER_CONTROLLER_CORE_ALL_SESSIONS_H_

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/core/params.h"
#include "controller/session/session.h"

namespace spawner::core {

struct AllSessions {
  // Service::List: some of them, and where it goes on.
  std::function<absl::StatusOr<ListResult>(const ListParams&)> list;
  // Runs it in a later turn of the loop.
  std::function<void(std::function<void()>)> later;
};

// Calls `visit` for every session there is, a page in each turn of the loop (List looks at
// kListedPerTurn), the first within the call; then `done` once, with the list's error or INTERNAL
// if its pages do not end. Neither is called once `owner` is gone. What is behind `from` outlives
// that.
void VisitAllSessions(AllSessions from, std::weak_ptr<void> owner,
                      std::function<void(const SessionView&)> visit,
                      std::function<void(const absl::Status&)> done);

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_ALL_SESSIONS_H_
