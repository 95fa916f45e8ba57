#include "controller/local/kubelet.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controller/local/limits.h"
#include "controller/local/object_rules.h"
#include "controller/local/object_schema.h"

namespace spawner::local {
namespace {

// A kubelet gives no container less, not even one whose pod is deleted by force.
constexpr int64_t kGraceSecondsMin = 1;

// Of events.
constexpr char kNormal[] = "Normal";
constexpr char kWarning[] = "Warning";
constexpr char kKubelet[] = "kubelet";
constexpr char kScheduler[] = "default-scheduler";

bool IsFinal(const Json& pod) {
  const std::string phase = pod.at("status").value("phase", "");
  return phase == "Succeeded" || phase == "Failed";
}

}  // namespace

void Kubelet::Step(Instant now) {
  for (const ObjectKey& key : store_.TakeTouchedPods()) Sync(key, now);
  EndOverdue(now);
  std::vector<std::string> changed;  // in order, each once: one write per pod, as a kubelet does
  for (const RuntimeEvent& event : runtime_.Step(now)) {
    const auto found = workers_.find(event.uid);
    if (found == workers_.end()) continue;
    Apply(event, now, found->second);
    if (std::find(changed.begin(), changed.end(), event.uid) == changed.end()) {
      changed.push_back(event.uid);
    }
  }
  for (const std::string& uid : changed) {
    const auto found = workers_.find(uid);
    if (found->second.is_orphan) {
      if (!found->second.record.exit) continue;
      runtime_.ForgetPod(uid);
      workers_.erase(found);
    } else {
      Write(found->second);
    }
  }
}

Instant Kubelet::NextWake() const {
  if (store_.HasTouchedPods()) return Instant{};
  Instant wake = runtime_.NextWake();
  if (!deadlines_.empty()) wake = std::min(wake, deadlines_.begin()->first);
  return wake;
}

const PodLog* Kubelet::FindLog(const ObjectKey& key) const {
  const auto found = present_.find(key);
  return found == present_.end() ? nullptr : runtime_.FindLog(found->second);
}

void Kubelet::Sync(const ObjectKey& key, Instant now) {
  const Object pod = store_.Find(key);
  const std::string uid = pod ? MetaText(*pod, "uid") : "";
  if (const auto found = present_.find(key); found != present_.end() && found->second != uid) {
    Abandon(found->second, now);
    present_.erase(found);
  }
  if (!pod) return;
  auto found = workers_.find(uid);
  if (found == workers_.end()) {
    if (IsFinal(*pod) || IsBeingDeleted(*pod)) return;
    found = workers_.emplace(uid, Worker{.key = key}).first;
    present_[key] = uid;
    runtime_.StartPod(*pod, now);
    return;
  }
  Worker& worker = found->second;
  if (worker.record.exit) return;
  SetDeadline(uid, worker, *pod);
  if (IsBeingDeleted(*pod)) {
    Stop(uid, worker, pod->at("metadata").value("deletionGracePeriodSeconds", int64_t{0}), now);
  }
}

void Kubelet::Abandon(const std::string& uid, Instant now) {
  const auto found = workers_.find(uid);
  if (found == workers_.end()) return;
  Worker& worker = found->second;
  worker.is_orphan = true;
  deadlines_.erase({worker.deadline, uid});
  if (worker.record.exit) {
    runtime_.ForgetPod(uid);
    workers_.erase(found);
    return;
  }
  Stop(uid, worker, 0, now);
}

void Kubelet::Stop(const std::string& uid, Worker& worker, int64_t grace_seconds, Instant now) {
  const int64_t grace = std::max(grace_seconds, kGraceSecondsMin);
  if (worker.stop_grace_seconds && *worker.stop_grace_seconds <= grace) return;
  if (!worker.stop_grace_seconds && worker.record.is_started && !worker.record.exit) {
    Tell(worker, {.type = kNormal,
                  .reason = "Killing",
                  .component = kKubelet,
                  .message = absl::StrCat("Stopping container ", NameOfContainer(worker))});
  }
  worker.stop_grace_seconds = grace;
  runtime_.StopPod(uid, absl::Seconds(grace), now);
}

void Kubelet::SetDeadline(const std::string& uid, Worker& worker, const Json& pod) {
  deadlines_.erase({worker.deadline, uid});
  worker.deadline = Instant::Infinite();
  const Json& spec = pod.at("spec");
  const auto seconds = spec.find("activeDeadlineSeconds");
  if (seconds == spec.end() || !worker.record.is_scheduled || worker.record.is_past_deadline) {
    return;
  }
  worker.deadline = worker.scheduled_at + absl::Seconds(seconds->get<int64_t>());
  deadlines_.insert({worker.deadline, uid});
}

void Kubelet::EndOverdue(Instant now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const std::string uid = deadlines_.begin()->second;
    deadlines_.erase(deadlines_.begin());
    Worker& worker = workers_.at(uid);
    worker.deadline = Instant::Infinite();
    worker.record.is_past_deadline = true;
    worker.record.is_ready = false;
    const Object pod = store_.Find(worker.key);
    const int64_t grace =
        pod ? pod->at("spec").value("terminationGracePeriodSeconds", kGraceSecondsDefault) : 0;
    Tell(worker, {.type = kNormal,
                  .reason = "DeadlineExceeded",
                  .component = kKubelet,
                  .message = "Pod was active on the node longer than the specified deadline"});
    Stop(uid, worker, grace, now);
    Write(worker);
  }
}

void Kubelet::Apply(const RuntimeEvent& event, Instant now, Worker& worker) {
  PodRecord& record = worker.record;
  const absl::Time wall = clock_.WallNow();
  switch (event.kind) {
    case RuntimeEvent::Kind::kUnschedulable:
      record.unschedulable_message = event.message;
      return Tell(worker, {.type = kWarning,
                           .reason = "FailedScheduling",
                           .component = kScheduler,
                           .message = event.message});
    case RuntimeEvent::Kind::kScheduled:
      record.is_scheduled = true;
      record.scheduled_at = wall;
      worker.scheduled_at = now;
      if (const Object pod = store_.Find(worker.key); pod && !worker.is_orphan) {
        SetDeadline(event.uid, worker, *pod);
      }
      return Tell(worker, {.type = kNormal,
                           .reason = "Scheduled",
                           .component = kScheduler,
                           .message = absl::StrCat("Successfully assigned ", worker.key.ns, "/",
                                                   worker.key.name, " to ", kNodeName)});
    case RuntimeEvent::Kind::kWaiting:
      record.waiting_reason = event.reason;
      record.waiting_message = event.message;
      return TellOfWaiting(worker, event);
    case RuntimeEvent::Kind::kStarted:
      record.is_started = true;
      record.started_at = wall;
      record.ip = event.ip;
      return Tell(worker, {.type = kNormal,
                           .reason = "Started",
                           .component = kKubelet,
                           .message = absl::StrCat("Started container ", NameOfContainer(worker))});
    case RuntimeEvent::Kind::kReady:
      record.is_ready = !record.is_past_deadline;
      return;
    case RuntimeEvent::Kind::kNotReady:
      record.is_ready = false;
      return;
    case RuntimeEvent::Kind::kExited:
      record.is_ready = false;
      record.exit = PodRecord::Exit{.exit_code = event.exit_code,
                                    .reason = event.reason,
                                    .message = event.message,
                                    .at = wall};
      deadlines_.erase({worker.deadline, event.uid});
      if (!record.is_started && !worker.stop_grace_seconds) {
        Tell(worker, {.type = kWarning,
                      .reason = "Failed",
                      .component = kKubelet,
                      .message = absl::StrCat("Error: ", event.message)});
      }
      return;
  }
}

// In a kubelet's words: a container that waits for its image.
void Kubelet::TellOfWaiting(const Worker& worker, const RuntimeEvent& event) {
  PodEvents::What what = {.type = kWarning, .reason = "Failed", .component = kKubelet};
  if (event.reason == "ImagePullBackOff") {
    what.type = kNormal;
    what.reason = "BackOff";
  }
  what.message = absl::StrCat(event.reason, ": ", event.message);
  Tell(worker, what);
}

void Kubelet::Tell(const Worker& worker, const PodEvents::What& what) {
  if (const Object pod = store_.Find(worker.key); pod && !worker.is_orphan) {
    events_.Add(*pod, what, clock_.WallNow());
  }
}

std::string Kubelet::NameOfContainer(const Worker& worker) const {
  const Object pod = store_.Find(worker.key);
  if (!pod) return "";
  const Json& containers = (*pod)["spec"]["containers"];
  return containers.empty() ? "" : containers[0].value("name", "");
}

void Kubelet::Write(const Worker& worker) {
  const Object found = store_.Find(worker.key);
  if (!found) return;
  Json pod = *found;
  WriteStatus(worker.record, clock_.WallNow(), pod);
  api_.WritePod(worker.key, std::move(pod), /*is_stopped=*/worker.record.exit.has_value());
}

}  // namespace spawner::local
