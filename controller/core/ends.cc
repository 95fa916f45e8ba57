#include "controller/core/ends.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/core/limits.h"
#include "controller/core/session_error.h"

namespace spawner::core {

void Ends::Terminate(TerminateParams params, Service::ViewDone done) {
  const Instant now = table_.clock.Now();
  if (absl::Status status = table_.CanDecide(); !status.ok()) return done(status);
  const auto named = table_.FindNamed(params.ns, params.id, Epoch{});
  if (!named.ok()) return done(named.status());
  Incarnation& incarnation = **named;
  const std::string tried = absl::StrCat("terminate session ", params.id.value, ": ");
  if (absl::Status status = Table::CheckEpoch(incarnation, params.epoch, tried); !status.ok()) {
    return done(status);
  }
  const std::string etag = table_.ViewOf(incarnation).etag;
  if (!params.etag.empty() && params.etag != etag) {
    const absl::Status status =
        WithReason(absl::AbortedError(absl::StrCat(tried, "it has changed: its etag is ", etag,
                                                   ", not ", params.etag, "; get it again")),
                   "ETAG_MISMATCH", {{"etag", etag}, {"asked_etag", params.etag}});
    return done(OfSession(status, incarnation.identity));
  }
  if (incarnation.plan.state == SessionState::kTerminated) return done(table_.ViewOf(incarnation));
  if (params.only_if_idle) {
    if (absl::Status idle = table_.CheckIdle(incarnation, now, tried); !idle.ok()) {
      return done(idle);
    }
  }
  EndDecision decision = {params.reason, params.message, params.hard};
  if (incarnation.session.decision.has_value()) decision = *incarnation.session.decision;
  decision.is_hard = decision.is_hard || params.hard;
  incarnation.session.decision = decision;
  incarnation.terminates.push_back({std::move(done), now + kDurableWaitMax});
  table_.queue.MarkDirty(params.id);
}

void Ends::OnPlanned(Incarnation& incarnation, Instant now, Instant& wake_at) {
  if (incarnation.terminates.empty()) return;
  std::vector<TerminateWaiter> ended;
  for (TerminateWaiter& waiter : std::exchange(incarnation.terminates, {})) {
    const bool is_over = IsEnded(incarnation) || now >= waiter.give_up_at;
    if (!is_over) wake_at = std::min(wake_at, waiter.give_up_at);
    (is_over ? ended : incarnation.terminates).push_back(std::move(waiter));
  }
  if (ended.empty()) return;
  const SessionView view = table_.ViewOf(incarnation);
  absl::StatusOr<SessionView> end = view;
  if (!IsEnded(incarnation)) {
    end = WithRetryAfter(
        OfSession(WithReason(absl::UnavailableError(absl::StrCat(
                                 "end session ", view.id.value,
                                 ": decided, but not written yet; tries go on, call again: ",
                                 std::string(incarnation.write_status.message()))),
                             "KUBERNETES_UNREACHABLE"),
                  view),
        std::max(kBackoffMin, incarnation.write_not_before - now));
  }
  for (TerminateWaiter& waiter : ended) {
    table_.Answer([done = std::move(waiter.done), end] { done(end); });
  }
}

void Ends::OnUnborn(Incarnation& incarnation, const absl::Status& status) {
  Refuse(incarnation, status);
}

void Ends::OnStandDown(const absl::Status& status) {
  for (auto& [id, slot] : table_.slots) {
    for (auto& [epoch, incarnation] : slot.incarnations) Refuse(*incarnation, status);
  }
}

void Ends::Refuse(Incarnation& incarnation, const absl::Status& status) {
  for (TerminateWaiter& waiter : std::exchange(incarnation.terminates, {})) {
    table_.Answer([done = std::move(waiter.done), status] { done(status); });
  }
}

}  // namespace spawner::core
