#ifndef SPAWNER_CONTROLLER_KUBE_POD_JSON_H_
#define SPAWNER_CONTROLLER_KUBE_POD_JSON_H_

#include "absl/status/statusor.h"
#include "base/json.h"
#include "controller/kube/pod.h"

namespace spawner::kube {

// DecodePod for one that is part of a larger document: an item of a list, the object of an event.
absl::StatusOr<Pod> DecodePodJson(const Json& object);

}  // namespace spawner::kube

#endif  // SPAWNER_CONTROLLER_KUBE_POD_JSON_H_
