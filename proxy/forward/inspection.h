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
  std::string client;           // the peer's address; empty of a tunnel, which does not keep it
  absl::Duration age;           // since the request's head was there
  size_t to_client_bytes = 0;   // written, but not taken by the kernel yet
  size_t to_backend_bytes = 0;  // likewise
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
  // Called on the worker's thread, once.
  std::function<void(Inspection)> reply;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_INSPECTION_H_
