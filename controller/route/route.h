#ifndef SPAWNER_CONTROLLER_ROUTE_ROUTE_H_
#define SPAWNER_CONTROLLER_ROUTE_ROUTE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "base/boxed.h"
#include "base/clock.h"
#include "base/ids.h"
#include "controller/route/asks.h"
#include "controller/route/inspect.h"
#include "controller/route/route_policy.h"

// The messages of proto/spawner/v1/proxy_link.proto as values: what the core and the simulation
// exchange with proxies. That file is the reference of each field; enum numbers agree with it.
namespace spawner::route {

enum class RouteState { kHold = 1, kOpen = 2, kGated = 3, kEnded = 4 };

// A copy is small: there are very many, in the log and on their way.
struct Route {
  SessionId session;
  Epoch epoch;
  RouteState state = RouteState::kHold;
  uint16_t port = 0;
  std::string ip;
  int reason = 0;  // EndReason's number
  int phase = 0;   // StartPhase's number
  Boxed<std::string> message = {};
  std::shared_ptr<const RoutePolicy> policy = DefaultPolicy();
  Boxed<RouteRevocations> revoked = {};
  Boxed<RouteEnd> near_end = {};  // its end is near

  static const std::shared_ptr<const RoutePolicy>& DefaultPolicy();
  friend bool operator==(const Route& a, const Route& b);
};

// --- proxy to controller ---------------------------------------------------------------------

struct SessionUsage {
  SessionId session;
  Epoch epoch;
  int64_t open = 0;
  int64_t held = 0;
  uint64_t opened_total = 0;
  uint64_t bytes_total = 0;
  absl::Duration idle_for;
  Instant heard_at;  // when the registry had this: not in the message
};

struct Usage {
  std::vector<SessionUsage> sessions;
  bool is_complete = false;
};

struct Hello {
  std::string proxy_id;
  uint64_t generation = 0;
  std::string pod_uid;
  std::string pod_name;
  std::string pod_namespace;
  std::string version;
  uint32_t leadership = 0;
  uint64_t route_version = 0;
  Usage usage;
};

struct GateCount {
  SessionId session;
  Epoch epoch;
  uint64_t gate_version = 0;
  int64_t open = 0;
  int64_t waiting = 0;
};

struct Ack {
  uint32_t leadership = 0;
  uint64_t version = 0;
  std::vector<GateCount> gates;
};

struct Query {
  SessionId session;
};

struct ProxyHeartbeat {
  uint64_t sequence = 0;
};

struct Leaving {};

using FromProxy = std::variant<Hello, Ack, Usage, Query, ProxyHeartbeat, Leaving, Inspected,
                               UseToken, HoldRequest>;

// --- controller to proxy ---------------------------------------------------------------------

// The edge adds keys and the wall clock.
struct Welcome {
  std::string controller_id;
  uint32_t leadership = 0;
  absl::Duration heartbeat_interval = absl::Seconds(1);
};

struct Routes {
  bool is_snapshot = false;
  bool is_last = true;
  uint64_t version = 0;
  std::vector<Route> routes;
  std::vector<SessionId> removed;
};

struct RouteUnknown {
  SessionId session;
};

struct ControllerHeartbeat {
  uint64_t sequence = 0;
};

// The last message of a link.
struct NotLeader {
  std::string leader_address;
  uint32_t leadership = 0;
};

struct KeysChanged {};  // the edge's own: it adds the keys

using ToProxy = std::variant<Welcome, Routes, RouteUnknown, ControllerHeartbeat, NotLeader, Inspect,
                             Drain, KeysChanged, UseTokenAnswer, HoldAnswer>;

}  // namespace spawner::route

#endif  // SPAWNER_CONTROLLER_ROUTE_ROUTE_H_
