#ifndef SPAWNER_PROXY_ROUTE_ROUTE_H_
#define SPAWNER_PROXY_ROUTE_ROUTE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/token.h"

// What crosses between main and the workers: plain values. Main (proxy/link or the static routes)
// posts changes to every worker; a worker applies each, a long one in slices, counts what a route's
// gate closes in the turn that closes it, and reports back through WorkerReports
// (worker_reports.h).
namespace spawner::proxy {

enum class RouteState {
  kHold = 1,   // starting: requests wait
  kOpen = 2,   // serving
  kGated = 3,  // gate closed: what is open goes on, new requests wait
  kEnded = 4,  // over: 410 with the reason, and open connections are closed
};

// What a backend speaks; neither has TLS.
enum class BackendProtocol : uint8_t {
  kHttp1,
  kH2c,  // HTTP/2 with prior knowledge (RFC 9113 3.3)
};

// A user's grants that were issued before this second do not count any more.
struct RevokedUser {
  uint32_t user = 0;  // HashOfUser
  uint32_t not_issued_before = 0;

  bool operator==(const RevokedUser&) const = default;
};

// Where the requests of one session go.
struct Route {
  std::string session_id;
  std::string ns;
  uint64_t epoch = 0;
  RouteState state = RouteState::kHold;
  std::string ip;  // numeric; empty until known
  uint16_t port = 0;
  std::string reason;   // of kEnded: "IDLE"; for Spawner-Reason
  std::string message;  // of kEnded: a sentence for people
  std::string phase;    // of kHold: "PULLING"
  bool token_required = true;
  bool strip_prefix = true;  // in path form the backend does not see "/s/{id}"
  absl::Duration hold_timeout = absl::Seconds(60);
  // base/origin.h: who may call and who may embed it from other sites.
  std::vector<std::string> allowed_origins = {};
  std::vector<std::string> embed_origins = {};
  uint32_t max_connections = 0;  // 0: any number
  // Grants that do not count any more (revocation.h): HashOfGrant of each, sorted; those of users,
  // sorted; and all that were issued before this second.
  std::vector<uint64_t> revoked = {};
  std::vector<RevokedUser> revoked_users = {};
  uint32_t not_issued_before = 0;
  // Its end is near: the second of the controller's time, and as what. 0: it is not.
  uint32_t ends_at = 0;
  bool ends_as_idle = false;  // else MAX_LIFETIME
  BackendProtocol protocol = BackendProtocol::kHttp1;
  // Paths that are no use: exact, or with a '*' at the end.
  std::vector<std::string> ignore_paths = {};

  bool operator==(const Route&) const = default;
};

// One step of the route log, a whole table, or negative answers; or one part of these.
struct RouteChange {
  // {0, 0}: of no version (negative answers); nothing is acknowledged.
  RouteVersion version;
  // The whole table: what none of its parts names is gone. `unknown` is empty.
  bool replaces_all = false;
  bool has_more = false;  // not the last part
  std::vector<Route> routes;
  std::vector<std::string> removed;
  // Ids that are no session's: remembered for kUnknownTtl.
  std::vector<std::string> unknown;
};

// The controller's wall clock as a local reading: it showed `wall` at `at`. The local wall clock is
// never asked, so it may be wrong by hours.
struct ControllerTime {
  absl::Time wall = absl::InfinitePast();
  Instant at;

  // InfinitePast before the first Welcome.
  absl::Time Now(Instant now) const { return wall + (now - at); }
};

// Posted to every worker whenever it changes. With the link down a worker serves what it knows and
// answers unknown ids with 503 and Retry-After, never 404.
struct LinkState {
  bool is_up = false;
  // A first whole table has arrived, or static routes are in place.
  bool has_routes = false;
  ControllerTime time;
  std::vector<VerificationKey> keys;
};

// One worker's count of a session whose gate closed, taken in the turn that applied the change.
struct GateCount {
  std::string session_id;
  uint64_t epoch = 0;
  uint64_t gate_version = 0;  // RouteChange.version.version
  int64_t open = 0;           // tunnels, exchanges, requests held before the gate closed
  int64_t waiting = 0;        // behind the gate: not part of `open`

  bool operator==(const GateCount&) const = default;
};

// One worker's absolute totals of one session under one epoch.
struct SessionTotals {
  std::string session_id;
  uint64_t epoch = 0;         // of the route that the connections were opened under
  int64_t open = 0;           // tunnels, exchanges in flight and requests held, now
  int64_t held = 0;           // of those: held
  uint64_t opened_total = 0;  // of this epoch, never falling
  uint64_t bytes_total = 0;   // of bodies and tunnels, both ways, never falling
  Instant last_active;        // when the last byte moved
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_ROUTE_ROUTE_H_
