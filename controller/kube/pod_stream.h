#ifndef SPAWNER_CONTROLLER_KUBE_POD_STREAM_H_
#define SPAWNER_CONTROLLER_KUBE_POD_STREAM_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controller/kube/pod.h"

namespace spawner::kube {

// One page of a PodList.
struct PodPage {
  std::vector<Pod> pods;
  std::string resource_version;  // to watch from; the same on every page
  std::string continue_token;    // of the next page; empty on the last
};

// INVALID_ARGUMENT names what is missing or of a wrong type, and the pod.
absl::StatusOr<PodPage> DecodePodPage(absl::string_view json);

// One line of a watch of pods.
struct WatchEvent {
  enum class Type { kChanged, kGone, kBookmark, kError };
  Type type = Type::kError;
  std::string resource_version;  // to resume from; empty for kError
  Pod pod;                       // of kChanged and kGone
  int error_code = 0;            // of kError: an HTTP code
  std::string error;             // of kError: the metav1.Status as JSON text
};

absl::StatusOr<WatchEvent> DecodeWatchEvent(absl::string_view line);

}  // namespace spawner::kube

#endif  // SPAWNER_CONTROLLER_KUBE_POD_STREAM_H_
