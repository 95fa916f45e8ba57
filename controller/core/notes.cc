#include "controller/core/notes.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/core/limits.h"
#include "controller/core/session_error.h"

namespace spawner::core {

void Notes::Put(Incarnation& incarnation, const std::string& name, std::string value,
                std::function<void(absl::Status)> done) {
  PendingNotes& notes = incarnation.notes.Edit();
  notes.wanted[name] = std::move(value);
  ++notes.serial;
  if (done != nullptr) {
    notes.waiters.push_back({std::move(done), notes.serial, table_.clock.Now() + kDurableWaitMax});
    ++waiting_;
  }
  table_.queue.MarkDirty(incarnation.identity.id);
}

absl::Status Notes::CheckRoom(const Incarnation& incarnation, absl::string_view tried) const {
  const size_t own = incarnation.notes.has_value() ? incarnation.notes->waiters.size() : 0;
  if (own < kNoteWaitersPerSessionMax && waiting_ < kNoteWaitersMax) return absl::OkStatus();
  const absl::Status& last = incarnation.write_status;
  return WithRetryAfter(
      WithReason(absl::ResourceExhaustedError(absl::StrCat(
                     tried, own, " changes of this session and ", waiting_,
                     " in all wait already to be written to Kubernetes; try again in a second",
                     last.ok() ? "" : ": ", last.ok() ? "" : last.message())),
                 "RATE_LIMITED",
                 {{"quota", "waiting_writes"}, {"limit", kNoteWaitersPerSessionMax}}),
      absl::Seconds(1));
}

void Notes::Answer(NoteWaiter waiter, const absl::Status& status) {
  --waiting_;
  table_.Answer([done = std::move(waiter.done), status] { done(status); });
}

std::map<std::string, std::string> Notes::ToWrite(const Incarnation& incarnation) {
  std::map<std::string, std::string> lacking;
  if (!incarnation.pod.has_value() || !incarnation.notes.has_value()) return lacking;
  const auto& annotations = incarnation.pod->pod.annotations;
  for (const auto& [name, value] : incarnation.notes->wanted) {
    const auto found = annotations.find(name);
    const bool is_there =
        found == annotations.end() ? value.empty() : !value.empty() && found->second == value;
    if (!is_there) lacking[name] = value;
  }
  return lacking;
}

void Notes::OnIssued(Incarnation& incarnation) {
  if (incarnation.notes.has_value()) incarnation.notes->in_flight = incarnation.notes->serial;
}

void Notes::OnWritten(Incarnation& incarnation) {
  if (!incarnation.notes.has_value()) return;
  PendingNotes& notes = *incarnation.notes;
  if (notes.in_flight == notes.serial) notes.wanted.clear();
  std::vector<NoteWaiter> waiting;
  for (NoteWaiter& waiter : std::exchange(notes.waiters, {})) {
    if (waiter.serial > notes.in_flight) {
      waiting.push_back(std::move(waiter));
    } else {
      Answer(std::move(waiter), absl::OkStatus());
    }
  }
  notes.waiters = std::move(waiting);
  if (notes.wanted.empty() && notes.waiters.empty()) incarnation.notes.reset();
}

void Notes::Drop(Incarnation& incarnation, const absl::Status& status) {
  if (!incarnation.notes.has_value()) return;
  for (NoteWaiter& waiter : incarnation.notes->waiters) Answer(std::move(waiter), status);
  incarnation.notes.reset();
}

void Notes::OnPlanned(Incarnation& incarnation, Instant now, Instant& wake_at) {
  if (!incarnation.notes.has_value()) return;
  PendingNotes& notes = *incarnation.notes;
  // As it is wanted already, of an earlier write whose answer was lost.
  if (incarnation.pod.has_value() && !incarnation.is_writing && ToWrite(incarnation).empty()) {
    OnIssued(incarnation);
    return OnWritten(incarnation);
  }
  if (incarnation.presence == PodView::Presence::kGone) {
    const absl::Status status =
        WithReason(absl::FailedPreconditionError(
                       absl::StrCat("write to session ", incarnation.identity.id.value,
                                    ": its pod is gone; connect to start the next incarnation")),
                   "SESSION_ENDING", {{"end_reason", std::string(Name(incarnation.plan.reason))}});
    return Drop(incarnation, OfSession(status, incarnation.identity));
  }
  std::vector<NoteWaiter> waiting;
  for (NoteWaiter& waiter : std::exchange(notes.waiters, {})) {
    if (now < waiter.give_up_at) {
      wake_at = std::min(wake_at, waiter.give_up_at);
      waiting.push_back(std::move(waiter));
      continue;
    }
    const absl::Status status = WithRetryAfter(
        WithReason(absl::UnavailableError(absl::StrCat(
                       "write to session ", incarnation.identity.id.value, ": not written within ",
                       absl::FormatDuration(kDurableWaitMax),
                       ", tries go on: ", std::string(incarnation.write_status.message()))),
                   "KUBERNETES_UNREACHABLE"),
        absl::Seconds(1));
    Answer(std::move(waiter), status);
  }
  notes.waiters = std::move(waiting);
}

void Notes::OnUnborn(Incarnation& incarnation, const absl::Status& status) {
  Drop(incarnation, status);
}

void Notes::OnForgotten(Incarnation& incarnation) {
  const absl::Status status = WithReason(
      absl::NotFoundError(absl::StrCat("write to session ", incarnation.identity.id.value,
                                       ": its retention is over")),
      "SESSION_NOT_FOUND");
  Drop(incarnation, OfSession(status, incarnation.identity));
}

void Notes::OnStandDown(const absl::Status& status) {
  for (auto& [id, slot] : table_.slots) {
    for (auto& [epoch, incarnation] : slot.incarnations) Drop(*incarnation, status);
  }
}

}  // namespace spawner::core
