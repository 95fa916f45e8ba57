#ifndef SPAWNER_CONTROLLER_API_NAMES_H_
#define SPAWNER_CONTROLLER_API_NAMES_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"

// Resource names (AIP-122). Errors are INVALID_FIELD of `field`.
namespace spawner::api {

struct SessionName {
  std::string ns;
  SessionId id;

  bool operator==(const SessionName&) const = default;
};

// "namespaces/{namespace}/sessions/{id}".
absl::StatusOr<SessionName> ParseSessionName(absl::string_view field, absl::string_view name);
std::string FormatSessionName(absl::string_view ns, const SessionId& id);

// "namespaces/{namespace}" -> the namespace.
absl::StatusOr<std::string> ParseParent(absl::string_view field, absl::string_view parent);
// As ParseParent; "namespaces/-" -> "": all that the controller serves.
absl::StatusOr<std::string> ParseParentOrAll(absl::string_view field, absl::string_view parent);

// Text that people or applications chose: UTF-8 without control characters, at most `bytes_max`.
absl::Status CheckText(absl::string_view field, absl::string_view text, size_t bytes_max);

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_NAMES_H_
