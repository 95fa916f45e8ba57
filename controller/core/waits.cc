#include "controller/core/waits.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "controller/core/limits.h"
#include "controller/core/session_error.h"

namespace spawner::core {
namespace {

std::string NamesOf(const std::vector<SessionState>& states) {
  return absl::StrJoin(states, " or ", [](std::string* out, SessionState state) {
    absl::StrAppend(out, std::string(Name(state)));
  });
}

// What can still become of a session in `state`.
bool CanBecome(SessionState state, const std::vector<SessionState>& wanted) {
  if (state < SessionState::kTerminating) return true;
  return std::any_of(wanted.begin(), wanted.end(),
                     [state](SessionState other) { return other >= state; });
}

absl::Status Ended(const SessionView& view, const std::vector<SessionState>& wanted) {
  const absl::Status status = WithReason(
      absl::FailedPreconditionError(absl::StrCat(
          "wait for session ", view.id.value, ": it ended as ", std::string(Name(view.reason)),
          " and will not be ", NamesOf(wanted), view.message.empty() ? "" : ": ", view.message,
          "; connect to start the next incarnation")),
      "SESSION_ENDING", {{"end_reason", std::string(Name(view.reason))}});
  return OfSession(status, view);
}

absl::Status TimedOut(const SessionView& view, const WaitParams& params) {
  const std::string phase(Name(view.phase));
  const absl::Status status = WithReason(
      absl::DeadlineExceededError(absl::StrCat(
          "wait for session ", view.id.value, " to be ", NamesOf(params.states), ": after ",
          absl::FormatDuration(params.timeout), " it is ", std::string(Name(view.state)),
          phase.empty() ? "" : ", in phase ", phase, view.message.empty() ? "" : ": ", view.message,
          "; wait again, for longer, or explain the session")),
      "WAIT_TIMEOUT", {{"state", std::string(Name(view.state))}, {"phase", phase}});
  return OfSession(status, view);
}

}  // namespace

Service::WaitId Waits::Wait(WaitParams params, Service::ViewDone done) {
  const Instant now = table_.clock.Now();
  if (absl::Status status = table_.CanDecide(); !status.ok()) return done(status), 0;
  if (waits_.size() >= kWaitsMax) {
    done(WithRetryAfter(WithReason(absl::ResourceExhaustedError(absl::StrCat(
                                       "wait for session ", params.id.value, ": ", waits_.size(),
                                       " others wait already; watch sessions instead")),
                                   "RATE_LIMITED", {{"quota", "waits"}, {"limit", kWaitsMax}}),
                        absl::Seconds(1)));
    return 0;
  }
  Waiter waiter = {std::move(params), std::move(done), {}};
  waiter.until = now + waiter.params.timeout;
  if (auto answer = Look(waiter, now); answer.has_value()) {
    waiter.done(*std::move(answer));
    return 0;
  }
  const Service::WaitId id = ++last_id_;
  by_session_[waiter.params.id].insert(id);
  deadlines_.insert({waiter.until, id});
  waits_.emplace(id, std::move(waiter));
  return id;
}

std::optional<absl::StatusOr<SessionView>> Waits::Look(const Waiter& waiter, Instant now) {
  const WaitParams& params = waiter.params;
  const auto named = table_.FindNamed(params.ns, params.id, params.epoch);
  if (!named.ok()) return named.status();
  const Incarnation& incarnation = **named;
  const SessionState state = incarnation.plan.state;
  const auto& wanted = params.states;
  const bool is_there = std::find(wanted.begin(), wanted.end(), state) != wanted.end();
  if (is_there) return table_.ViewOf(incarnation);
  // Somebody who connects may wait for this end to start the next one.
  const auto slot = table_.slots.find(params.id);
  const bool has_next = params.epoch.value == 0 && slot != table_.slots.end() &&
                        !slot->second.waiting_for_end.empty();
  if (!CanBecome(state, wanted) && !has_next) return Ended(table_.ViewOf(incarnation), wanted);
  if (now >= waiter.until) return TimedOut(table_.ViewOf(incarnation), params);
  return std::nullopt;
}

void Waits::Give(Service::WaitId id, absl::StatusOr<SessionView> answer) {
  const auto found = waits_.find(id);
  if (found == waits_.end()) return;
  table_.Answer(
      [done = std::move(found->second.done), answer = std::move(answer)] { done(answer); });
  Remove(id);
}

void Waits::Remove(Service::WaitId id) {
  const auto found = waits_.find(id);
  if (found == waits_.end()) return;
  const auto session = by_session_.find(found->second.params.id);
  session->second.erase(id);
  if (session->second.empty()) by_session_.erase(session);
  deadlines_.erase({found->second.until, id});
  waits_.erase(found);
}

void Waits::Note(const SessionId& id) {
  if (by_session_.count(id) > 0) changed_.insert(id);
}

void Waits::OnPlanned(Incarnation& incarnation, Instant now, Instant& wake_at) {
  if (!by_session_.empty()) Note(incarnation.identity.id);
}

void Waits::OnForgotten(Incarnation& incarnation) { Note(incarnation.identity.id); }

void Waits::OnUnborn(Incarnation& incarnation, const absl::Status& status) {
  const auto session = by_session_.find(incarnation.identity.id);
  if (session == by_session_.end()) return;
  const std::set<Service::WaitId> ids = session->second;
  for (const Service::WaitId id : ids) {
    const Epoch epoch = waits_.at(id).params.epoch;
    if (epoch.value == 0 || epoch == incarnation.identity.epoch) Give(id, status);
  }
}

void Waits::OnStandDown(const absl::Status& status) {
  while (!waits_.empty()) Give(waits_.begin()->first, status);
  changed_.clear();
}

void Waits::Step(Instant now) {
  std::set<Service::WaitId> due;
  for (const SessionId& id : std::exchange(changed_, {})) {
    if (const auto found = by_session_.find(id); found != by_session_.end()) {
      due.insert(found->second.begin(), found->second.end());
    }
  }
  for (const auto& [until, id] : deadlines_) {
    if (until > now) break;
    due.insert(id);
  }
  for (const Service::WaitId id : due) {
    const auto waiter = waits_.find(id);
    if (waiter == waits_.end()) continue;
    if (auto answer = Look(waiter->second, now); answer.has_value()) Give(id, *std::move(answer));
  }
}

Instant Waits::NextWake() const {
  if (!changed_.empty()) return table_.clock.Now();
  return deadlines_.empty() ? Instant::Infinite() : deadlines_.begin()->first;
}

}  // namespace spawner::core
