#ifndef SPAWNER_CONTROLLER_ROUTE_INSPECT_H_
#define SPAWNER_CONTROLLER_ROUTE_INSPECT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/ids.h"

// What a proxy is asked beside its routes, and what it answers: as proxy_link.proto has it.
namespace spawner::route {

struct InspectedConnection {
  int kind = 0;  // Connection.Kind's number
  absl::Duration age;
  absl::Duration idle_for;
  uint64_t bytes = 0;
  std::string peer;
  std::string user;
  bool is_ignored = false;
};

// --- proxy to controller ---------------------------------------------------------------------
struct Inspected {
  uint64_t sequence = 0;
  std::vector<InspectedConnection> connections;
};

// --- controller to proxy ---------------------------------------------------------------------
struct Inspect {
  uint64_t sequence = 0;
  SessionId session;
  int32_t connections_max = 0;
};

struct Drain {
  std::optional<absl::Duration> deadline;  // unset: as the proxy's own flag says
};

}  // namespace spawner::route

#endif  // SPAWNER_CONTROLLER_ROUTE_INSPECT_H_
