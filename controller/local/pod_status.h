#ifndef SPAWNER_CONTROLLER_LOCAL_POD_STATUS_H_
#define SPAWNER_CONTROLLER_LOCAL_POD_STATUS_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/json.h"

namespace spawner::local {

inline constexpr absl::string_view kNodeName = "local";

// What the kubelet knows of one pod.
struct PodRecord {
  std::string unschedulable_message;  // not empty: no node fits
  bool is_scheduled = false;
  absl::Time scheduled_at;
  std::string waiting_reason = "ContainerCreating";
  std::string waiting_message;
  bool is_started = false;
  absl::Time started_at;
  std::string ip;
  bool is_ready = false;
  bool is_past_deadline = false;
  struct Exit {
    int exit_code = 0;
    std::string reason;
    std::string message;
    absl::Time at;
  };
  std::optional<Exit> exit;
};

// Writes spec.nodeName and the status that a kubelet and scheduler would write for `record`.
// Conditions of other writers (DisruptionTarget) stay.
void WriteStatus(const PodRecord& record, absl::Time now, Json& pod);

}  // namespace spawner::local

#endif  // SPAWNER_CONTROLLER_LOCAL_POD_STATUS_H_
