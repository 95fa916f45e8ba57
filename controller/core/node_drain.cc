#include "controller/core/node_drain.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/core/all_sessions.h"
#include "controller/core/limits.h"

namespace spawner::core {

void NodeDrain::Start(Done done) {
  done_ = std::move(done);
  VisitAllSessions(
      sessions_.all, weak_from_this(), [this](const SessionView& view) { Consider(view); },
      [this](const absl::Status& status) {
        failed_ = status;
        Turn();
      });
}

void NodeDrain::Consider(const SessionView& view) {
  if (view.node != node_ || view.state == SessionState::kTerminated) return;
  left_.push_back({.ns = view.ns,
                   .id = view.id,
                   .only_if_idle = true,
                   .epoch = view.epoch,
                   .reason = EndReason::kEvicted,
                   .message = absl::StrCat("node ", node_, " is being drained")});
}

// An end may be answered at once, and calls OnEnded: a loop, not a recursion.
void NodeDrain::Turn() {
  if (is_turning_) return;
  const std::shared_ptr<NodeDrain> self = shared_from_this();  // `done_` may drop us
  is_turning_ = true;
  while (failed_.ok() && !left_.empty() && in_flight_ < kOrdersInFlightMax) {
    TerminateParams params = std::move(left_.front());
    left_.pop_front();
    ++in_flight_;
    sessions_.terminate(std::move(params),
                        [weak = weak_from_this()](const absl::StatusOr<SessionView>& view) {
                          const std::shared_ptr<NodeDrain> drain = weak.lock();
                          if (drain != nullptr) drain->OnEnded(view.status());
                        });
  }
  is_turning_ = false;
  if (in_flight_ > 0 || done_ == nullptr) return;
  const Done done = std::exchange(done_, nullptr);
  failed_.ok() ? done(result_) : done(failed_);
}

void NodeDrain::OnEnded(const absl::Status& status) {
  --in_flight_;
  if (status.ok()) {
    ++result_.ended;
  } else if (ReasonOf(status) == "NOT_IDLE") {
    ++result_.waiting;
  } else if (!absl::IsNotFound(status) && !absl::IsAborted(status) && failed_.ok()) {
    failed_ = Annotate(status, absl::StrCat("drain node ", node_));  // else: gone meanwhile
  }
  Turn();
}

}  // namespace spawner::core
