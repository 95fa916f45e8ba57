#ifndef SPAWNER_CONTROLLER_KUBE_POD_H_
#define SPAWNER_CONTROLLER_KUBE_POD_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/boxed.h"

namespace spawner::kube {

enum class PodPhase { kPending, kRunning, kSucceeded, kFailed, kUnknown };

struct ContainerTermination {
  int32_t exit_code = 0;
  int32_t signal = 0;  // 0: none
  std::string reason;  // "OOMKilled", "Completed", "Error", "ContainerCannotRun"
  std::string message;
  std::optional<absl::Time> finished_at;
};

// Status of one container. At most one of waiting, running, terminated holds.
struct ContainerStatus {
  std::string name;
  std::string waiting_reason;  // "ImagePullBackOff", "ErrImagePull", "ContainerCreating", ...
  std::string waiting_message;
  bool is_running = false;
  std::optional<absl::Time> started_at;  // of one that runs or has terminated
  bool is_ready = false;
  Boxed<ContainerTermination> terminated;
  Boxed<ContainerTermination> last_terminated;
  int32_t restart_count = 0;
};

// What we read of a core/v1 Pod: a value, the same for every source.
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
struct Pod {
  std::string ns;
  std::string name;
  std::string uid;
  std::string resource_version;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  std::vector<std::string> finalizers;
  absl::Time create_time;
  std::optional<absl::Time> deletion_time;  // metadata.deletionTimestamp: being deleted

  std::string node;  // empty: not scheduled
  std::optional<int64_t> active_deadline_seconds;

  PodPhase phase = PodPhase::kPending;
  std::string status_reason;  // "Evicted", "DeadlineExceeded", "NodeLost", ...
  std::string status_message;
  std::string ip;
  bool is_ready = false;  // condition Ready
  std::optional<absl::Time> ready_time;
  std::optional<absl::Time> scheduled_time;
  // Condition PodScheduled is false with reason Unschedulable: its message.
  Boxed<std::string> unschedulable_message;
  // Condition DisruptionTarget is true: its reason ("EvictionByEvictionAPI",
  // "DeletionByTaintManager").
  Boxed<std::string> disruption_reason;
  std::vector<ContainerStatus> containers;
  std::vector<ContainerStatus> init_containers;

  // Succeeded or Failed with every container terminated: no more changes but deletion.
  bool IsFinal() const;
  bool HasFinalizer(absl::string_view finalizer) const;
  const ContainerStatus* FindContainer(absl::string_view container) const;
};

// From the JSON text of a Pod object. INVALID_ARGUMENT names what is missing or of a wrong type.
absl::StatusOr<Pod> DecodePod(absl::string_view json);

}  // namespace spawner::kube

#endif  // SPAWNER_CONTROLLER_KUBE_POD_H_
