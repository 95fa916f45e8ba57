#ifndef SPAWNER_CONTROLLER_KUBE_YAML_H_
#define SPAWNER_CONTROLLER_KUBE_YAML_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/json.h"

namespace spawner::kube {

// The first document of a YAML text as JSON: the one crossing to yaml-cpp, whose exceptions end
// here. Plain true, false and null are what they say; every other scalar is a string, so that a
// token of digits stays one. INVALID_ARGUMENT says where the text breaks, or that it is larger
// (aliases expanded) or deeper than any configuration.
absl::StatusOr<Json> ParseYaml(absl::string_view text);

}  // namespace spawner::kube

#endif  // SPAWNER_CONTROLLER_KUBE_YAML_H_
