#include "controller/core/work_queue.h"

#include "controller/core/limits.h"

namespace spawner::core {

void WorkQueue::MarkDirty(const SessionId& session) {
  if (dirty_.insert(session).second) order_.push_back(session);
}

void WorkQueue::SetTimer(const SessionId& session, WorkTimer& timer, Instant at) {
  if (timer.at != Instant::Infinite()) timers_.erase({timer.at, &session, &timer});
  timer.at = at;
  if (at != Instant::Infinite()) timers_.insert({at, &session, &timer});
}

void WorkQueue::FireTimers(Instant now) {
  while (!timers_.empty() && timers_.begin()->at <= now) {
    const Timed fired = *timers_.begin();
    timers_.erase(timers_.begin());
    fired.timer->at = Instant::Infinite();
    MarkDirty(*fired.session);
  }
}

std::optional<SessionId> WorkQueue::Take() {
  if (order_.empty()) return std::nullopt;
  SessionId session = std::move(order_.front());
  order_.pop_front();
  dirty_.erase(session);
  // After all of very many, as at a takeover: its memory would stay.
  if (order_.empty() && dirty_.capacity() > kDirtyKept) dirty_ = {};
  return session;
}

}  // namespace spawner::core
