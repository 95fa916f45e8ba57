#ifndef SPAWNER_CONTROLLER_ROUTE_ROSTER_H_
#define SPAWNER_CONTROLLER_ROUTE_ROSTER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace spawner::route {

// One proxy process that may serve somebody, as the leader's Lease remembers it.
struct RosterEntry {
  std::string id;
  uint64_t generation = 0;
  std::string pod_uid;  // empty outside Kubernetes
  std::string pod_name;
  std::string pod_namespace;

  bool operator==(const RosterEntry&) const = default;
};

// The annotation spawner.dev/proxies of the Lease.
std::string EncodeRoster(const std::vector<RosterEntry>& entries);
// INVALID_ARGUMENT for what is none; an empty text is an empty roster.
absl::StatusOr<std::vector<RosterEntry>> DecodeRoster(absl::string_view json);

}  // namespace spawner::route

#endif  // SPAWNER_CONTROLLER_ROUTE_ROSTER_H_
