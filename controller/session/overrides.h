#ifndef SPAWNER_CONTROLLER_SESSION_OVERRIDES_H_
#define SPAWNER_CONTROLLER_SESSION_OVERRIDES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

// pod_overrides: a strategic-merge patch of the pod, for the fields that can be overridden.
namespace spawner {

// The container that serves a session, unless its template says otherwise.
constexpr char kBackendContainer[] = "backend";

// One JSON object of bounded depth. INVALID_FIELD naming `field` otherwise.
absl::StatusOr<nlohmann::json> ParseJsonObject(absl::string_view field, absl::string_view text);

// INVALID_FIELD naming the path of what is unknown, protected or of a wrong type.
absl::Status ValidateOverrides(const nlohmann::json& patch);

// Merges a validated patch into `pod`, whose container `backend` serves the session.
// INVALID_FIELD naming the path of what the patch would take from Spawner, or can't say.
absl::Status MergeOverrides(const nlohmann::json& patch, absl::string_view backend,
                            nlohmann::json& pod);

// The member of spec.containers of that name; null if there is none.
const nlohmann::json* FindContainer(const nlohmann::json& pod, absl::string_view name);

// The text at `field`; empty if there is none, or no text.
std::string TextOf(const nlohmann::json& object, const char* field);

// Set by Spawner in the backend's environment: PORT, SPAWNER_*, SESSION_BACKEND_*.
bool IsReservedEnv(absl::string_view name);

// As JSON text on one line; bytes that are no UTF-8 become U+FFFD.
std::string ToText(const nlohmann::json& json);

}  // namespace spawner

#endif  // SPAWNER_CONTROLLER_SESSION_OVERRIDES_H_
