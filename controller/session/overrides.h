#ifndef SPAWNER_CONTROLLER_SESSION_OVERRIDES_H_
#define SPAWNER_CONTROLLER_SESSION_OVERRIDES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

// pod_overrides: a strategic-merge patch of the pod, for the fields that decision 0003 lists.
namespace spawner {

// One JSON object of bounded depth. INVALID_FIELD naming `field` otherwise.
absl::StatusOr<nlohmann::json> ParseJsonObject(absl::string_view field, absl::string_view text);

// INVALID_FIELD naming the path of what is unknown, protected or of a wrong type.
absl::Status ValidateOverrides(const nlohmann::json& patch);

// Merges a validated patch into `pod`: objects field by field, null removes, lists of named things
// (containers, env, volumes, ...) by their name, every other list as a whole.
void MergeOverrides(const nlohmann::json& patch, nlohmann::json& pod);

// Set by Spawner in the backend's environment: PORT, SPAWNER_*, SESSION_BACKEND_*.
bool IsReservedEnv(absl::string_view name);

// As JSON text on one line; bytes that are no UTF-8 become U+FFFD.
std::string ToText(const nlohmann::json& json);

}  // namespace spawner

#endif  // SPAWNER_CONTROLLER_SESSION_OVERRIDES_H_
