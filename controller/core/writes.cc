#include "controller/core/writes.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "controller/core/chronicle.h"
#include "controller/core/limits.h"

namespace spawner::core {
namespace {

// Worth another try without anybody's doing.
bool IsTransient(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status) ||
         absl::IsDeadlineExceeded(status) || absl::IsUnauthenticated(status);
}

// As the API promises it to who connects.
absl::Status ForCaller(const absl::Status& status, absl::string_view ns) {
  if (absl::IsPermissionDenied(status) && absl::StrContains(status.message(), "exceeded quota")) {
    return WithRetryAfter(
        WithReason(absl::ResourceExhaustedError(absl::StrCat(
                       status.message(), "; end some, or raise the namespace's ResourceQuota")),
                   "QUOTA_SESSIONS", {{"namespace", ns}, {"quota", "ResourceQuota"}}),
        kQuotaRetryMax);
  }
  if (absl::IsInvalidArgument(status) && ReasonOf(status).empty()) {
    return WithReason(status, "INVALID_FIELD");
  }
  if (!IsTransient(status)) return status;
  const absl::Duration wait = RetryAfterOf(status).value_or(kConnectRetry);
  const std::string reason = ReasonOf(status);
  if (!reason.empty() && reason != "KUBERNETES_UNREACHABLE") return WithRetryAfter(status, wait);
  if (absl::IsResourceExhausted(status)) {
    return WithRetryAfter(WithReason(absl::ResourceExhaustedError(status.message()), "RATE_LIMITED",
                                     {{"namespace", ns}, {"quota", "kubernetes"}}),
                          wait);
  }
  // As UNAUTHENTICATED it would look like the caller's own credentials.
  return WithRetryAfter(
      WithReason(absl::UnavailableError(status.message()), "KUBERNETES_UNREACHABLE"), wait);
}

bool HasNotes(const Incarnation& incarnation) {
  return incarnation.presence == PodView::Presence::kPresent &&
         !Notes::ToWrite(incarnation).empty();
}

}  // namespace

void Writes::BackOff(Incarnation& incarnation, const absl::Status& status, Instant now) {
  const int shift = std::min(incarnation.failures++, 10);
  absl::Duration wait = std::min(kBackoffMin * (int64_t{1} << shift), kBackoffMax);
  wait = wait * (0.5 + table_.random.Unit() / 2);
  if (const auto after = RetryAfterOf(status)) wait = std::max(wait, *after);
  incarnation.write_not_before = now + wait;
  incarnation.write_status = status;
  table_.queue.MarkDirty(incarnation.identity.id);
}

bool Writes::IsDue(const Incarnation& incarnation) {
  return incarnation.plan.write != Write::kNone ||
         incarnation.presence == PodView::Presence::kAbsent || HasNotes(incarnation);
}

void Writes::Issue(Incarnation& incarnation, Instant now) {
  const bool creates = incarnation.presence == PodView::Presence::kAbsent;
  if (incarnation.is_writing || now < incarnation.write_not_before || !IsDue(incarnation)) return;
  if (in_flight_ >= kWritesInFlightMax) {
    incarnation.write_not_before = now + kBackoffMin;
    return;
  }
  incarnation.is_writing = true;
  ++in_flight_;
  if (creates) return IssueCreate(incarnation);
  if (incarnation.plan.write == Write::kNone) return IssueNotes(incarnation);
  const kube::PodState& pod = incarnation.pod->pod;
  const SessionId id = incarnation.identity.id;
  const Epoch epoch = incarnation.identity.epoch;
  const std::weak_ptr<char> alive = table_.alive;
  if (incarnation.plan.write == Write::kEnd) {
    EndRecord end = {incarnation.plan.reason, incarnation.plan.message.value_or_empty(),
                     table_.clock.WallNow()};
    end.record[kHistoryNote] = Chronicle::EndNote(table_, incarnation);
    end.notes = Notes::ToWrite(incarnation);
    Notes::OnIssued(incarnation);
    table_.client.PatchPod(
        incarnation.identity.ns, PodName(incarnation.identity.id, incarnation.identity.epoch),
        EndPatch(pod, end, incarnation.plan.write_stops),
        [this, alive, id, epoch, has_notes = !end.notes.empty()](absl::StatusOr<kube::Pod> answer) {
          if (!alive.expired()) OnWritten(id, epoch, has_notes, std::move(answer));
        });
    return;
  }
  kube::DeleteOptions options;
  options.uid = pod.uid;
  if (incarnation.plan.write == Write::kDeleteHard) options.grace_seconds = 1;
  table_.client.DeletePod(incarnation.identity.ns,
                          PodName(incarnation.identity.id, incarnation.identity.epoch), options,
                          [this, alive, id, epoch](absl::Status status) {
                            if (!alive.expired()) OnDeleted(id, epoch, status);
                          });
}

void Writes::IssueNotes(Incarnation& incarnation) {
  const kube::PodState& pod = incarnation.pod->pod;
  const std::string patch = NotesPatch(pod, Notes::ToWrite(incarnation));
  Notes::OnIssued(incarnation);
  const std::weak_ptr<char> alive = table_.alive;
  table_.client.PatchPod(incarnation.identity.ns,
                         PodName(incarnation.identity.id, incarnation.identity.epoch), patch,
                         [this, alive, id = incarnation.identity.id,
                          epoch = incarnation.identity.epoch](absl::StatusOr<kube::Pod> answer) {
                           if (!alive.expired()) OnNotesWritten(id, epoch, std::move(answer));
                         });
}

void Writes::OnNotesWritten(SessionId id, Epoch epoch, absl::StatusOr<kube::Pod> answer) {
  --in_flight_;
  Incarnation* incarnation = table_.Find(id, epoch);
  if (incarnation == nullptr) return;
  incarnation->is_writing = false;
  table_.queue.MarkDirty(id);
  if (answer.ok()) {
    incarnation->failures = 0;
    incarnation->write_status = absl::OkStatus();
    notes_.OnWritten(*incarnation);
    pods_.OnChanged(*std::move(answer), /*is_from_watch=*/false);
    return;
  }
  if (absl::IsNotFound(answer.status())) {
    incarnation->presence = PodView::Presence::kGone;
    return;
  }
  // ABORTED: the pod has changed since; the watch is about to show it.
  if (!IsTransient(answer.status()) && !absl::IsAborted(answer.status())) {
    Log(LogLevel::kWarning, "notes_refused",
        {{"session", id.value}, {"error", answer.status().ToString()}});
    notes_.Drop(*incarnation,
                ForCaller(Annotate(answer.status(), absl::StrCat("write to session ", id.value)),
                          incarnation->identity.ns));
    // What features believed goes back to what the pod says.
    for (Feature* feature : table_.features) feature->OnPod(*incarnation);
    return;
  }
  BackOff(*incarnation, answer.status(), table_.clock.Now());
}

void Writes::OnWritten(SessionId id, Epoch epoch, bool had_notes,
                       absl::StatusOr<kube::Pod> answer) {
  --in_flight_;
  Incarnation* incarnation = table_.Find(id, epoch);
  if (incarnation == nullptr) return;
  incarnation->is_writing = false;
  table_.queue.MarkDirty(id);  // what is next may be due already: see OnCreated
  if (answer.ok()) {
    incarnation->failures = 0;
    incarnation->write_status = absl::OkStatus();
    if (incarnation->notes.has_value() && incarnation->notes->in_flight > 0)
      notes_.OnWritten(*incarnation);
    pods_.OnChanged(*std::move(answer), /*is_from_watch=*/false);
    return;
  }
  if (absl::IsAborted(answer.status()) && had_notes) {
    // The pod has changed since: the watch is about to show by whom, or that it is gone.
    return BackOff(*incarnation, answer.status(), table_.clock.Now());
  }
  if (absl::IsNotFound(answer.status()) || absl::IsAborted(answer.status())) {
    // The uid was the precondition: the pod that we know is no more.
    incarnation->presence = PodView::Presence::kGone;
    return;
  }
  Log(LogLevel::kWarning, "ending_write_failed",
      {{"session", id.value}, {"error", answer.status().ToString()}});
  if (!IsTransient(answer.status())) {
    // The decision stands and is tried again; who waits for it is told why it may take long.
    const absl::Status status =
        ForCaller(Annotate(answer.status(), absl::StrCat("terminate session ", id.value)),
                  incarnation->identity.ns);
    ends_.Refuse(*incarnation, status);
  }
  BackOff(*incarnation, answer.status(), table_.clock.Now());
}

void Writes::OnDeleted(SessionId id, Epoch epoch, const absl::Status& status) {
  --in_flight_;
  Incarnation* incarnation = table_.Find(id, epoch);
  if (incarnation == nullptr) return;
  incarnation->is_writing = false;
  if (status.ok()) {
    incarnation->failures = 0;
    incarnation->write_not_before = table_.clock.Now() + kDeleteAgainAfter;
  } else if (absl::IsNotFound(status) || absl::IsAborted(status)) {
    incarnation->presence = PodView::Presence::kGone;
  } else {
    Log(LogLevel::kWarning, "delete_failed", {{"session", id.value}, {"error", status.ToString()}});
    BackOff(*incarnation, status, table_.clock.Now());
  }
  table_.queue.MarkDirty(id);
}

// --- the create ----------------------------------------------------------------------------------

void Writes::IssueCreate(Incarnation& incarnation) {
  if (!Preparation::IsNeeded(incarnation)) return SendCreate(incarnation);
  const SessionId id = incarnation.identity.id;
  const Epoch epoch = incarnation.identity.epoch;
  const std::weak_ptr<char> alive = table_.alive;
  preparation_.Prepare(incarnation, [this, alive, id, epoch](const absl::Status& status) {
    if (alive.expired()) return;
    Incarnation* unborn = table_.Find(id, epoch);
    // Gone: this controller leads no more.
    if (unborn == nullptr) return OnCreated(id, epoch, absl::CancelledError("given up"));
    if (!status.ok()) return OnCreated(id, epoch, status);
    unborn->birth.Edit().is_prepared = true;
    SendCreate(*unborn);
  });
}

void Writes::SendCreate(const Incarnation& incarnation) {
  const SessionId id = incarnation.identity.id;
  const Epoch epoch = incarnation.identity.epoch;
  const std::weak_ptr<char> alive = table_.alive;
  auto done = [this, alive, id, epoch](absl::StatusOr<kube::Pod> answer) {
    if (!alive.expired()) OnCreated(id, epoch, std::move(answer));
  };
  // Kept until the pod is there: a try whose answer was lost is made again, word by word.
  table_.client.CreatePod(incarnation.identity.ns, incarnation.birth->create_json, std::move(done));
}

void Writes::OnCreated(SessionId id, Epoch epoch, absl::StatusOr<kube::Pod> answer) {
  --in_flight_;
  Incarnation* incarnation = table_.Find(id, epoch);
  if (incarnation == nullptr) return;
  incarnation->is_writing = false;
  // The watch was faster, and may have shown what has to be written now that this is over.
  table_.queue.MarkDirty(id);
  if (incarnation->presence != PodView::Presence::kAbsent) return;
  if (answer.ok()) {
    incarnation->failures = 0;
    pods_.OnChanged(*std::move(answer), /*is_from_watch=*/false);
    if (incarnation->presence == PodView::Presence::kAbsent) {
      FailCreate(id, epoch, absl::InternalError("create pod: the API server changed our record"));
    }
    return;
  }
  const absl::Status status = Annotate(answer.status(), absl::StrCat("start session ", id.value));
  const Instant now = table_.clock.Now();
  if (absl::IsAlreadyExists(answer.status())) return ResolveConflict(*incarnation);
  if (!IsTransient(answer.status()) || now >= incarnation->session.created_at + kDurableWaitMax) {
    return FailCreate(id, epoch, ForCaller(status, incarnation->identity.ns));
  }
  BackOff(*incarnation, answer.status(), now);
}

// A pod of that name is there: ours only if it is this very incarnation and not being deleted. That
// is so when the answer to an earlier try was lost.
void Writes::ResolveConflict(const Incarnation& incarnation) {
  const SessionId id = incarnation.identity.id;
  const Epoch epoch = incarnation.identity.epoch;
  const std::weak_ptr<char> alive = table_.alive;
  table_.Find(id, epoch)->is_writing = true;
  ++in_flight_;
  table_.client.GetObject(
      absl::StrCat("/api/v1/namespaces/", incarnation.identity.ns, "/pods/", PodName(id, epoch)),
      [this, alive, id, epoch](absl::StatusOr<std::string> json) {
        if (alive.expired()) return;
        Incarnation* unborn = table_.Find(id, epoch);
        absl::StatusOr<kube::Pod> pod =
            json.ok() ? kube::DecodePod(*json) : absl::StatusOr<kube::Pod>(json.status());
        if (unborn != nullptr && pod.ok()) {
          const auto session = ParseSessionPod(*pod);
          const bool is_ours = session.ok() && session->identity.id == id &&
                               session->identity.epoch == epoch &&
                               session->identity.request_id == unborn->identity.request_id &&
                               !pod->deletion_time.has_value();
          if (!is_ours) {
            pod = absl::AbortedError(absl::StrCat("pod ", pod->name, " is there and not ours"));
          }
        }
        OnCreated(id, epoch, std::move(pod));
      });
}

void Writes::FailCreate(const SessionId& id, Epoch epoch, const absl::Status& status) {
  const auto slot = table_.slots.find(id);
  if (slot == table_.slots.end()) return;
  const auto found = slot->second.incarnations.find(epoch);
  if (found == slot->second.incarnations.end()) return;
  const std::unique_ptr<Incarnation> failed = std::move(found->second);
  slot->second.incarnations.erase(found);
  --table_.incarnations;
  if (failed->has_plan) --table_.by_state[failed->plan.state];
  if (failed->shown.has_value()) {
    table_.events.Append(WatchEventType::kDeleted, table_.ViewOf(*failed), failed->shown->state);
  }
  table_.queue.MarkDirty(id);
  for (Feature* feature : table_.features) feature->OnUnborn(*failed, status);
}

}  // namespace spawner::core
