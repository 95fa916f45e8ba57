#include "controller/kube/pod.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/json.h"
#include "base/status.h"
#include "controller/kube/pod_json.h"

namespace spawner::kube {
namespace {

PodPhase PhaseOf(absl::string_view phase) {
  if (phase.empty() || phase == "Pending") return PodPhase::kPending;
  if (phase == "Running") return PodPhase::kRunning;
  if (phase == "Succeeded") return PodPhase::kSucceeded;
  if (phase == "Failed") return PodPhase::kFailed;
  return PodPhase::kUnknown;
}

// What `key` ("terminated") of a container state tells, if the container is in that state.
std::optional<ContainerTermination> TerminationOf(const JsonReader& state) {
  if (!state.Has("terminated")) return std::nullopt;
  const JsonReader terminated = state.Object("terminated");
  return ContainerTermination{.exit_code = terminated.Int32("exitCode"),
                              .signal = terminated.Int32("signal"),
                              .reason = terminated.String("reason"),
                              .message = terminated.String("message"),
                              .finished_at = terminated.Time("finishedAt")};
}

std::optional<ContainerWaiting> WaitingOf(const JsonReader& state) {
  if (!state.Has("waiting")) return std::nullopt;
  const JsonReader waiting = state.Object("waiting");
  return ContainerWaiting{waiting.String("reason"), waiting.String("message")};
}

// Few, in the order of their names.
absl::btree_map<std::string, std::string> MapOf(const std::map<std::string, std::string>& map) {
  return {map.begin(), map.end()};
}

ContainerStatus ContainerOf(const JsonReader& status) {
  const JsonReader state = status.Object("state");
  return ContainerStatus{.name = status.RequiredString("name"),
                         .waiting = WaitingOf(state),
                         .is_running = state.Has("running"),
                         .started_at = state.Has("running")
                                           ? state.Object("running").Time("startedAt")
                                           : state.Object("terminated").Time("startedAt"),
                         .is_ready = status.Bool("ready"),
                         .terminated = TerminationOf(state),
                         .last_terminated = TerminationOf(status.Object("lastState")),
                         .restart_count = status.Int32("restartCount")};
}

void ReadConditions(const JsonReader& status, Pod& pod) {
  for (const JsonReader& condition : status.Objects("conditions")) {
    const std::string type = condition.String("type");
    const bool holds = condition.String("status") == "True";
    if (type == "Ready") {
      pod.is_ready = holds;
      if (holds) pod.ready_time = condition.Time("lastTransitionTime");
    } else if (type == "PodScheduled" && holds) {
      pod.scheduled_time = condition.Time("lastTransitionTime");
    } else if (type == "PodScheduled" && !holds && condition.String("reason") == "Unschedulable") {
      pod.unschedulable_message = condition.String("message");
    } else if (type == "DisruptionTarget" && holds) {
      pod.disruption_reason = condition.String("reason");
    }
  }
}

}  // namespace

bool PodState::IsFinal() const {
  if (phase != PodPhase::kSucceeded && phase != PodPhase::kFailed) return false;
  // An evicted pod that never ran has no containers to wait for.
  return std::all_of(containers.begin(), containers.end(),
                     [](const ContainerStatus& c) { return c.terminated.has_value(); });
}

bool Pod::HasFinalizer(absl::string_view finalizer) const {
  return std::find(finalizers.begin(), finalizers.end(), finalizer) != finalizers.end();
}

const ContainerStatus* PodState::FindContainer(absl::string_view container) const {
  for (const ContainerStatus& status : containers) {
    if (status.name == container) return &status;
  }
  return nullptr;
}

absl::StatusOr<Pod> DecodePodJson(const Json& object) {
  absl::Status error;
  const JsonReader reader(object, "", error);
  const JsonReader metadata = reader.Object("metadata");
  const JsonReader spec = reader.Object("spec");
  const JsonReader status = reader.Object("status");
  Pod pod;
  pod.ns = metadata.RequiredString("namespace");
  pod.name = metadata.RequiredString("name");
  pod.uid = metadata.RequiredString("uid");
  pod.resource_version = metadata.RequiredString("resourceVersion");
  pod.labels = MapOf(metadata.StringMap("labels"));
  pod.annotations = MapOf(metadata.StringMap("annotations"));
  pod.finalizers = metadata.Strings("finalizers");
  pod.create_time = metadata.RequiredTime("creationTimestamp");
  pod.deletion_time = metadata.Time("deletionTimestamp");
  pod.node = spec.String("nodeName");
  pod.active_deadline_seconds = spec.Int("activeDeadlineSeconds");
  pod.phase = PhaseOf(status.String("phase"));
  pod.status_reason = BoxedIfAny(status.String("reason"));
  pod.status_message = BoxedIfAny(status.String("message"));
  pod.ip = status.String("podIP");
  ReadConditions(status, pod);
  for (const JsonReader& container : status.Objects("containerStatuses")) {
    pod.containers.push_back(ContainerOf(container));
  }
  for (const JsonReader& container : status.Objects("initContainerStatuses")) {
    pod.init_containers.Edit().push_back(ContainerOf(container));
  }
  RETURN_IF_ERROR(error);
  return pod;
}

absl::StatusOr<Pod> DecodePod(absl::string_view json) {
  ASSIGN_OR_RETURN(const Json document, ParseJson(json));
  return DecodePodJson(document);
}

}  // namespace spawner::kube
