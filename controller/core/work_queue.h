#ifndef SPAWNER_CONTROLLER_CORE_WORK_QUEUE_H_
#define SPAWNER_CONTROLLER_CORE_WORK_QUEUE_H_

#include <deque>
#include <optional>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "base/clock.h"
#include "base/ids.h"

namespace spawner::core {

// Sessions to look at: at once, each at most once however often it was marked, in the order they
// were marked; or at a time. Bounded by the number of sessions.
class WorkQueue {
 public:
  void MarkDirty(const SessionId& session);
  // Replaces the session's timer; Instant::Infinite() removes it.
  void SetTimer(const SessionId& session, Instant at);
  void Forget(const SessionId& session) { SetTimer(session, Instant::Infinite()); }

  // Marks those whose time has come.
  void FireTimers(Instant now);
  std::optional<SessionId> Take();

  bool empty() const { return order_.empty(); }
  Instant NextTimer() const {
    return timers_.empty() ? Instant::Infinite() : timers_.begin()->first;
  }

 private:
  std::deque<SessionId> order_;
  absl::flat_hash_set<SessionId> dirty_;
  std::set<std::pair<Instant, SessionId>> timers_;
  absl::flat_hash_map<SessionId, Instant> timer_of_;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_WORK_QUEUE_H_
