#include "controller/core/work_queue.h"

namespace spawner::core {

void WorkQueue::MarkDirty(const SessionId& session) {
  if (dirty_.insert(session).second) order_.push_back(session);
}

void WorkQueue::SetTimer(const SessionId& session, Instant at) {
  const auto found = timer_of_.find(session);
  if (found != timer_of_.end()) {
    timers_.erase({found->second, session});
    timer_of_.erase(found);
  }
  if (at == Instant::Infinite()) return;
  timers_.insert({at, session});
  timer_of_[session] = at;
}

void WorkQueue::FireTimers(Instant now) {
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const SessionId session = timers_.begin()->second;
    timers_.erase(timers_.begin());
    timer_of_.erase(session);
    MarkDirty(session);
  }
}

std::optional<SessionId> WorkQueue::Take() {
  if (order_.empty()) return std::nullopt;
  SessionId session = std::move(order_.front());
  order_.pop_front();
  dirty_.erase(session);
  return session;
}

}  // namespace spawner::core
