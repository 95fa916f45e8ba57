#ifndef SPAWNER_CONTROLLER_KUBE_POD_H_
#define SPAWNER_CONTROLLER_KUBE_POD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
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

struct ContainerWaiting {
  std::string reason;  // "ImagePullBackOff", "ErrImagePull", "ContainerCreating", ...
  std::string message;
};

// Status of one container. At most one of waiting, running, terminated holds.
struct ContainerStatus {
  std::string name;
  Boxed<ContainerWaiting> waiting;
  bool is_running = false;
  std::optional<absl::Time> started_at;  // of one that runs or has terminated
  bool is_ready = false;
  Boxed<ContainerTermination> terminated;
  Boxed<ContainerTermination> last_terminated;
  int32_t restart_count = 0;
};

// What changes in the life of a core/v1 Pod: what is kept of very many.
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
struct PodState {
  std::string uid;
  std::string resource_version;
  absl::btree_map<std::string, std::string> annotations;
  absl::Time create_time;
  Boxed<absl::Time> deletion_time;  // metadata.deletionTimestamp: being deleted

  std::string node;  // empty: not scheduled
  PodPhase phase = PodPhase::kPending;
  bool is_ready = false;             // condition Ready
  Boxed<std::string> status_reason;  // "Evicted", "DeadlineExceeded", "NodeLost", ...
  Boxed<std::string> status_message;
  std::string ip;
  std::optional<absl::Time> ready_time;
  std::optional<absl::Time> scheduled_time;
  // Condition PodScheduled is false with reason Unschedulable: its message.
  Boxed<std::string> unschedulable_message;
  // Condition DisruptionTarget is true: its reason ("EvictionByEvictionAPI",
  // "DeletionByTaintManager").
  Boxed<std::string> disruption_reason;
  std::vector<ContainerStatus> containers;
  Boxed<std::vector<ContainerStatus>> init_containers;

  // Succeeded or Failed with every container terminated: no more changes but deletion.
  bool IsFinal() const;
  const ContainerStatus* FindContainer(absl::string_view container) const;
};

// What we read of a core/v1 Pod: a value, the same for every source.
struct Pod : PodState {
  std::string ns;
  std::string name;
  absl::btree_map<std::string, std::string> labels;
  std::vector<std::string> finalizers;
  std::optional<int64_t> active_deadline_seconds;

  bool HasFinalizer(absl::string_view finalizer) const;
};

// From the JSON text of a Pod object. INVALID_ARGUMENT names what is missing or of a wrong type.
absl::StatusOr<Pod> DecodePod(absl::string_view json);

}  // namespace spawner::kube

#endif  // SPAWNER_CONTROLLER_KUBE_POD_H_
