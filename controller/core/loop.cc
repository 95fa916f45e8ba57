#include "controller/core/loop.h"

#include <algorithm>
#include <utility>

#include "controller/core/limits.h"

namespace spawner::core {

CoreLoop::CoreLoop(kube::HttpTransport& transport, const Clock& clock)
    : transport_(transport), clock_(clock), mailbox_([&transport] { transport.Wake(); }) {}

void CoreLoop::Run() {
  while (!is_stopping_.load()) Turn(kPollMax);
}

void CoreLoop::Stop() {
  is_stopping_.store(true);
  transport_.Wake();
}

void CoreLoop::Turn(absl::Duration max_wait) {
  for (const std::function<void()>& work : mailbox_.Drain()) work();
  // By index: a step may add a part.
  for (size_t i = 0; i < parts_.size(); ++i) parts_[i].step(clock_.Now());
  Instant wake_at = Instant::Infinite();
  for (const Part& part : parts_) wake_at = std::min(wake_at, part.next_wake());
  absl::Duration wait = max_wait;
  if (wake_at != Instant::Infinite()) wait = std::min(wait, wake_at - clock_.Now());
  // What was posted since Drain has called Wake, which ends this wait at once.
  transport_.Poll(std::max(wait, absl::ZeroDuration()));
}

}  // namespace spawner::core
