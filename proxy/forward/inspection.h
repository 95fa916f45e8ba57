#ifndef SPAWNER_PROXY_FORWARD_INSPECTION_H_
#define SPAWNER_PROXY_FORWARD_INSPECTION_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace spawner::proxy {

// One request or tunnel, as a person wants to see it. No path, no header: nothing secret.
struct ConnectionView {
  const char* kind = "";   // "request", "websocket", "tunnel"
  const char* phase = "";  // "held", "behind_gate", "connecting", "refused", "awaiting", ...
  std::string session;
  uint64_t epoch = 0;
  std::string client;           // its address, as the access log has it
  std::string user;             // whom the grant names; empty: nobody, or no route is known yet
  absl::Duration age;           // since the request's head was there
  absl::Duration idle_for;      // since a byte of a body or of the tunnel moved, either way
  uint64_t bytes = 0;           // of bodies and tunnels, both ways
  size_t to_client_bytes = 0;   // written, but not taken by the kernel yet
  size_t to_backend_bytes = 0;  // likewise
  bool is_ignored = false;      // no use: on a path of the session's ignore_paths
};

// What one worker has in use.
struct Inspection {
  int worker = 0;
  int64_t clients = 0;
  int64_t upstreams = 0;
  int64_t tunnels = 0;
  int64_t held = 0;
  size_t routes = 0;
  std::vector<ConnectionView> connections;  // at most kInspectedMax
  bool has_more = false;
};

struct InspectOrder {
  std::string session;  // only of this one; empty: of all
  size_t oldest = 0;    // of `session`: only so many, those that are open longest; 0: no matter
  // Called on the worker's thread, once.
  std::function<void(Inspection)> reply;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_INSPECTION_H_
