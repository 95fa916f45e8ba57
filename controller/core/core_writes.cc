// What we ask of Kubernetes: one write at a time for a pod, again until the pod shows it.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "controller/core/core.h"
#include "controller/core/limits.h"

namespace spawner::core {
namespace {

// Worth another try without anybody's doing.
bool IsTransient(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status) ||
         absl::IsDeadlineExceeded(status) || absl::IsUnauthenticated(status);
}

// As the API promises it to who connects.
absl::Status ForCaller(const absl::Status& status) {
  if (absl::IsPermissionDenied(status) && absl::StrContains(status.message(), "exceeded quota")) {
    return WithReason(absl::ResourceExhaustedError(status.message()), "QUOTA_SESSIONS");
  }
  if (absl::IsInvalidArgument(status) && ReasonOf(status).empty()) {
    return WithReason(status, "INVALID_FIELD");
  }
  if (IsTransient(status) && ReasonOf(status).empty()) {
    return WithReason(
        status, absl::IsResourceExhausted(status) ? "RATE_LIMITED" : "KUBERNETES_UNREACHABLE");
  }
  return status;
}

}  // namespace

Incarnation* Core::Find(const SessionId& id, Epoch epoch) {
  const auto slot = slots_.find(id);
  if (slot == slots_.end()) return nullptr;
  const auto found = slot->second.incarnations.find(epoch);
  return found == slot->second.incarnations.end() ? nullptr : found->second.get();
}

void Core::BackOff(Incarnation& incarnation, const absl::Status& status, Instant now) {
  const int shift = std::min(incarnation.failures++, 10);
  absl::Duration wait = std::min(kBackoffMin * (int64_t{1} << shift), kBackoffMax);
  wait = wait * (0.5 + random_.Unit() / 2);
  if (const auto after = RetryAfterOf(status)) wait = std::max(wait, *after);
  incarnation.write_not_before = now + wait;
  incarnation.write_status = status;
  queue_.MarkDirty(incarnation.identity.id);
}

void Core::IssueWrite(Incarnation& incarnation, Instant now) {
  const bool creates = incarnation.presence == PodView::Presence::kAbsent;
  if (!creates && incarnation.plan.write == Write::kNone) return;
  if (writes_in_flight_ >= kWritesInFlightMax) {
    incarnation.write_not_before = now + kBackoffMin;
    return;
  }
  incarnation.is_writing = true;
  ++writes_in_flight_;
  if (creates) return IssueCreate(incarnation);
  const kube::Pod& pod = incarnation.pod->pod;
  const SessionId id = incarnation.identity.id;
  const Epoch epoch = incarnation.identity.epoch;
  const std::weak_ptr<char> alive = alive_;
  if (incarnation.plan.write == Write::kEnd) {
    const EndRecord end = {incarnation.plan.reason, incarnation.plan.message, clock_.WallNow()};
    kube_.PatchPod(pod.ns, pod.name, EndPatch(pod, end, incarnation.plan.write_stops),
                   [this, alive, id, epoch](absl::StatusOr<kube::Pod> answer) {
                     if (!alive.expired()) OnWritten(id, epoch, std::move(answer));
                   });
    return;
  }
  kube::DeleteOptions options;
  options.uid = pod.uid;
  if (incarnation.plan.write == Write::kDeleteHard) options.grace_seconds = 1;
  kube_.DeletePod(pod.ns, pod.name, options, [this, alive, id, epoch](absl::Status status) {
    if (!alive.expired()) OnDeleted(id, epoch, status);
  });
}

void Core::OnWritten(SessionId id, Epoch epoch, absl::StatusOr<kube::Pod> answer) {
  --writes_in_flight_;
  Incarnation* incarnation = Find(id, epoch);
  if (incarnation == nullptr) return;
  incarnation->is_writing = false;
  if (answer.ok()) {
    incarnation->failures = 0;
    incarnation->write_status = absl::OkStatus();
    OnPodChanged(*std::move(answer), /*is_from_watch=*/false);
    return;
  }
  if (absl::IsNotFound(answer.status()) || absl::IsAborted(answer.status())) {
    // The uid was the precondition: the pod that we know is no more.
    incarnation->presence = PodView::Presence::kGone;
    queue_.MarkDirty(id);
    return;
  }
  Log(LogLevel::kWarning, "ending_write_failed",
      {{"session", id.value}, {"error", answer.status().ToString()}});
  if (!IsTransient(answer.status())) {
    // The decision stands and is tried again; who waits for it is told why it may take long.
    const absl::Status status =
        ForCaller(Annotate(answer.status(), absl::StrCat("terminate session ", id.value)));
    for (TerminateWaiter& waiter : std::exchange(incarnation->terminates, {})) {
      answers_.push_back([done = std::move(waiter.done), status] { done(status); });
    }
  }
  BackOff(*incarnation, answer.status(), clock_.Now());
}

void Core::OnDeleted(SessionId id, Epoch epoch, const absl::Status& status) {
  --writes_in_flight_;
  Incarnation* incarnation = Find(id, epoch);
  if (incarnation == nullptr) return;
  incarnation->is_writing = false;
  if (status.ok()) {
    incarnation->failures = 0;
    incarnation->write_not_before = clock_.Now() + kDeleteAgainAfter;
  } else if (absl::IsNotFound(status) || absl::IsAborted(status)) {
    incarnation->presence = PodView::Presence::kGone;
  } else {
    Log(LogLevel::kWarning, "delete_failed", {{"session", id.value}, {"error", status.ToString()}});
    BackOff(*incarnation, status, clock_.Now());
  }
  queue_.MarkDirty(id);
}

// --- the create ----------------------------------------------------------------------------------

void Core::IssueCreate(Incarnation& incarnation) {
  const SessionId id = incarnation.identity.id;
  const Epoch epoch = incarnation.identity.epoch;
  const std::weak_ptr<char> alive = alive_;
  auto done = [this, alive, id, epoch](absl::StatusOr<kube::Pod> answer) {
    if (!alive.expired()) OnCreated(id, epoch, std::move(answer));
  };
  // Kept until the pod is there: a try whose answer was lost is made again, word by word.
  kube_.CreatePod(incarnation.identity.ns, incarnation.create_json, std::move(done));
}

void Core::OnCreated(SessionId id, Epoch epoch, absl::StatusOr<kube::Pod> answer) {
  --writes_in_flight_;
  Incarnation* incarnation = Find(id, epoch);
  if (incarnation == nullptr) return;
  incarnation->is_writing = false;
  if (incarnation->presence != PodView::Presence::kAbsent) return;  // the watch was faster
  if (answer.ok()) {
    incarnation->failures = 0;
    OnPodChanged(*std::move(answer), /*is_from_watch=*/false);
    if (incarnation->presence == PodView::Presence::kAbsent) {
      FailCreate(id, epoch, absl::InternalError("create pod: the API server changed our record"));
    }
    return;
  }
  const absl::Status status = Annotate(answer.status(), absl::StrCat("start session ", id.value));
  const Instant now = clock_.Now();
  if (absl::IsAlreadyExists(answer.status())) return ResolveConflict(*incarnation);
  if (!IsTransient(answer.status()) || now >= incarnation->session.created_at + kDurableWaitMax) {
    return FailCreate(id, epoch, ForCaller(status));
  }
  BackOff(*incarnation, answer.status(), now);
}

// A pod of that name is there: ours only if it is this very incarnation and not being deleted. That
// is so when the answer to an earlier try was lost.
void Core::ResolveConflict(const Incarnation& incarnation) {
  const SessionId id = incarnation.identity.id;
  const Epoch epoch = incarnation.identity.epoch;
  const std::weak_ptr<char> alive = alive_;
  Find(id, epoch)->is_writing = true;
  ++writes_in_flight_;
  kube_.GetObject(
      absl::StrCat("/api/v1/namespaces/", incarnation.identity.ns, "/pods/", PodName(id, epoch)),
      [this, alive, id, epoch](absl::StatusOr<std::string> json) {
        if (alive.expired()) return;
        Incarnation* unborn = Find(id, epoch);
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

void Core::FailCreate(const SessionId& id, Epoch epoch, const absl::Status& status) {
  const auto slot = slots_.find(id);
  if (slot == slots_.end()) return;
  const auto found = slot->second.incarnations.find(epoch);
  if (found == slot->second.incarnations.end()) return;
  const std::unique_ptr<Incarnation> failed = std::move(found->second);
  slot->second.incarnations.erase(found);
  --incarnations_;
  if (failed->shown.has_value()) {
    events_.Append(WatchEventType::kDeleted, *failed->shown, failed->shown->state);
  }
  queue_.MarkDirty(id);
  for (ConnectWaiter& waiter : failed->connects) {
    --connects_waiting_;
    answers_.push_back([done = std::move(waiter.done), status] { done(status); });
  }
  for (TerminateWaiter& waiter : failed->terminates) {
    answers_.push_back([done = std::move(waiter.done), status] { done(status); });
  }
}

}  // namespace spawner::core
