#ifndef SPAWNER_CONTROLLER_KUBE_POD_EVENT_H_
#define SPAWNER_CONTROLLER_KUBE_POD_EVENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace spawner::kube {

// What Kubernetes tells of a pod: a core/v1 Event. It keeps them for an hour.
// https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
struct PodEvent {
  absl::Time time;     // the last time
  std::string type;    // "Normal", "Warning"
  std::string reason;  // "Scheduled", "Pulling", "Pulled", "Started", "Killing", "FailedScheduling"
  std::string message;
  int32_t count = 1;
};

// The list of one pod's: "/api/v1/namespaces/a/events?fieldSelector=...".
std::string PodEventsPath(absl::string_view ns, absl::string_view pod_uid);

// From the JSON text of an EventList: the newest `most`, the oldest first. INVALID_ARGUMENT names
// what is missing or of a wrong type.
absl::StatusOr<std::vector<PodEvent>> DecodePodEvents(absl::string_view json, size_t most);

}  // namespace spawner::kube

#endif  // SPAWNER_CONTROLLER_KUBE_POD_EVENT_H_
