#include "controller/session/pod_facts.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "controller/session/pod_template.h"

namespace spawner {
namespace {

using kube::ContainerStatus;
using kube::ContainerTermination;
using kube::PodPhase;
using kube::PodState;

bool IsOver(const PodState& pod) {
  return pod.phase == PodPhase::kSucceeded || pod.phase == PodPhase::kFailed;
}

std::string WithStatus(absl::string_view what, const PodState& pod) {
  std::string text(what);
  if (pod.status_reason.has_value()) absl::StrAppend(&text, ": ", *pod.status_reason);
  if (pod.status_message.has_value()) absl::StrAppend(&text, ": ", *pod.status_message);
  return text;
}

Cause FromTermination(const ContainerTermination& end) {
  if (end.reason == "OOMKilled") {
    return {EndReason::kOomKilled,
            "the kernel killed the backend for its memory limit; raise resources.limits.memory"};
  }
  if (end.exit_code == 0) return {EndReason::kExited, "the backend left with exit code 0"};
  std::string text = absl::StrCat("the backend left with exit code ", end.exit_code);
  const int signal = end.signal != 0 ? end.signal : end.exit_code - 128;
  if (signal > 0 && signal < 65) absl::StrAppend(&text, " (signal ", signal, ")");
  if (!end.reason.empty() && end.reason != "Error") absl::StrAppend(&text, ": ", end.reason);
  // The last lines of its log, usually.
  const absl::string_view message = absl::StripAsciiWhitespace(end.message);
  if (!message.empty()) absl::StrAppend(&text, ": ", message);
  return {EndReason::kCrashed, text};
}

// kubelet's own words for a pod that it refused or ended.
std::optional<Cause> FromPodStatus(const PodState& pod) {
  const std::string reason = pod.status_reason.value_or_empty();
  if (reason == "Evicted" || reason == "Terminated" || reason == "NodeShutdown" ||
      reason == "Preempting" || pod.disruption_reason.has_value()) {
    return Cause{EndReason::kEvicted, WithStatus("the pod was evicted", pod)};
  }
  if (reason == "NodeLost") {
    return Cause{EndReason::kNodeLost, WithStatus("the node does not answer", pod)};
  }
  if (absl::StartsWith(reason, "OutOf") || reason == "NodeAffinity" || reason == "NodePorts") {
    return Cause{EndReason::kUnschedulable, WithStatus("the node refused the pod", pod)};
  }
  return std::nullopt;
}

const ContainerStatus* Backend(const PodState& pod) {
  return pod.FindContainer(BackendContainerOf(pod));
}

}  // namespace

std::optional<Cause> FindBackendEnd(const PodState& pod) {
  if (IsOver(pod)) {
    if (auto cause = FromPodStatus(pod)) return cause;
  }
  const ContainerStatus* backend = Backend(pod);
  if (backend != nullptr && backend->terminated.has_value()) {
    return FromTermination(*backend->terminated);
  }
  if (pod.phase == PodPhase::kSucceeded) {
    return Cause{EndReason::kExited, "every container of the pod has left"};
  }
  if (pod.phase == PodPhase::kFailed) {
    return Cause{EndReason::kInternal, WithStatus("the pod failed without its backend", pod)};
  }
  return std::nullopt;
}

Cause FindDeletionCause(const PodState& pod) {
  if (pod.disruption_reason.has_value()) {
    return {EndReason::kEvicted, absl::StrCat("the pod was evicted: ", *pod.disruption_reason)};
  }
  if (auto cause = FromPodStatus(pod)) return *cause;
  return {EndReason::kDeleted, "the pod was deleted, and not by Spawner"};
}

bool IsStopped(const PodState& pod) {
  if (!IsOver(pod)) return false;
  for (const ContainerStatus& container : pod.containers) {
    if (container.is_running) return false;
  }
  return true;
}

std::optional<int32_t> FindExitCode(const PodState& pod) {
  const ContainerStatus* backend = Backend(pod);
  if (backend == nullptr || !backend->terminated.has_value()) return std::nullopt;
  // A kubelet's 137 for a container that it can't find: as a rule it never ran.
  if (backend->terminated->reason == "ContainerStatusUnknown") return std::nullopt;
  return backend->terminated->exit_code;
}

StartPhase FindStartPhase(const PodState& pod) {
  if (pod.node.empty()) return StartPhase::kScheduling;
  const ContainerStatus* backend = Backend(pod);
  if (backend == nullptr || !backend->is_running) return StartPhase::kPulling;
  return StartPhase::kStarted;
}

std::optional<ImageError> FindImageError(const PodState& pod) {
  for (const ContainerStatus& container : pod.containers) {
    if (!container.waiting.has_value()) continue;
    const std::string& reason = container.waiting->reason;
    const bool is_final = reason == "InvalidImageName" || reason == "ErrImageNeverPull";
    if (!is_final && reason != "ErrImagePull" && reason != "ImagePullBackOff" &&
        reason != "RegistryUnavailable" && reason != "ImageInspectError") {
      continue;
    }
    return ImageError{is_final, absl::StrCat("can't pull the image of container ", container.name,
                                             ": ", reason, ": ", container.waiting->message)};
  }
  return std::nullopt;
}

std::string FindWaitingMessage(const PodState& pod) {
  if (pod.unschedulable_message.has_value()) {
    return absl::StrCat("no node fits the pod: ", *pod.unschedulable_message);
  }
  for (const ContainerStatus& container : pod.containers) {
    if (!container.waiting.has_value() || container.waiting->message.empty()) continue;
    return absl::StrCat("container ", container.name, ": ", container.waiting->reason, ": ",
                        container.waiting->message);
  }
  return "";
}

bool IsNodeSilent(const PodState& pod) {
  if (pod.is_ready || pod.phase != PodPhase::kRunning) return false;
  const ContainerStatus* backend = Backend(pod);
  return backend != nullptr && backend->is_running && backend->is_ready;
}

}  // namespace spawner
