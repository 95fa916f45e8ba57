#include "controller/core/loop.h"

#include <algorithm>
#include <utility>

#include "controller/core/limits.h"

namespace spawner::core {

CoreLoop::CoreLoop(kube::HttpTransport& transport, const Clock& clock)
    : transport_(transport), clock_(clock), mailbox_([&transport] { transport.Wake(); }) {}

void CoreLoop::RunUntil(const std::function<bool()>& is_done, Instant deadline) {
  while (true) {
    Work();
    if (is_done() || clock_.Now() >= deadline) return;
    // What was posted since Work has called Wake, which ends this wait at once.
    transport_.Poll(WaitOf(deadline));
  }
}

void CoreLoop::Work() {
  for (std::function<void()>& work : mailbox_.Drain()) posted_.push_back(std::move(work));
  // What is left waits for its next turn: the steps are due, too.
  const Instant until = clock_.Now() + kPostedPerTurnMax;
  while (!posted_.empty()) {
    const std::function<void()> work = std::move(posted_.front());
    posted_.pop_front();
    work();
    if (clock_.Now() >= until) break;
  }
  // By index: a step may add a part.
  for (size_t i = 0; i < parts_.size(); ++i) parts_[i].step(clock_.Now());
}

absl::Duration CoreLoop::WaitOf(Instant deadline) const {
  if (!posted_.empty()) return absl::ZeroDuration();
  Instant wake_at = deadline;
  for (const Part& part : parts_) wake_at = std::min(wake_at, part.next_wake());
  if (wake_at == Instant::Infinite()) return kPollMax;
  return std::clamp(wake_at - clock_.Now(), absl::ZeroDuration(), kPollMax);
}

}  // namespace spawner::core
