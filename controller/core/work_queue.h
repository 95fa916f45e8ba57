#ifndef SPAWNER_CONTROLLER_CORE_WORK_QUEUE_H_
#define SPAWNER_CONTROLLER_CORE_WORK_QUEUE_H_

#include <deque>
#include <optional>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_set.h"
#include "base/clock.h"
#include "base/ids.h"

namespace spawner::core {

// When a session is to be looked at. Its owner keeps it, and the id that it was set with, where
// they are until it is forgotten: of very many sessions each byte counts.
struct WorkTimer {
  Instant at = Instant::Infinite();  // read only, but for WorkQueue
};

// Sessions to look at: at once, each at most once however often it was marked, in the order they
// were marked; or at a time. Bounded by the number of sessions.
class WorkQueue {
 public:
  void MarkDirty(const SessionId& session);
  // Replaces the session's time; Instant::Infinite() removes it.
  void SetTimer(const SessionId& session, WorkTimer& timer, Instant at);
  void Forget(const SessionId& session, WorkTimer& timer) {
    SetTimer(session, timer, Instant::Infinite());
  }

  // Marks those whose time has come.
  void FireTimers(Instant now);
  std::optional<SessionId> Take();

  bool empty() const { return order_.empty(); }
  Instant NextTimer() const { return timers_.empty() ? Instant::Infinite() : timers_.begin()->at; }

 private:
  struct Timed {
    Instant at;
    const SessionId* session = nullptr;
    WorkTimer* timer = nullptr;
    bool operator<(const Timed& other) const {
      return at != other.at ? at < other.at : *session < *other.session;
    }
  };

  std::deque<SessionId> order_;
  absl::flat_hash_set<SessionId> dirty_;
  absl::btree_set<Timed> timers_;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_WORK_QUEUE_H_
