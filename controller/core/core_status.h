#ifndef SPAWNER_CONTROLLER_CORE_CORE_STATUS_H_
#define SPAWNER_CONTROLLER_CORE_CORE_STATUS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/histogram.h"
#include "controller/session/session.h"

// What an operator may know of a controller at one moment.
namespace spawner::core {

struct ProxyInfo {
  std::string id;
  std::string pod;
  std::string pod_namespace;  // empty outside Kubernetes, as `pod`
  std::string version;
  bool is_connected = false;
  absl::Duration lost_for;
  uint64_t route_version = 0;
  int64_t connections = 0;
};

struct CoreStatus {
  // Since the process started.
  struct Counters {
    uint64_t drains_refused = 0;  // a closed gate found somebody and opened again
    // How late idle ends were decided after their deadline.
    Histogram idle_end_error;
    // By phase: how long sessions that this controller started were in it.
    std::map<std::string, Histogram> start_phases;
    uint64_t pods_ignored = 0;  // labelled as ours, but not to be read
  };
  std::string controller_id;
  bool is_leader = false;
  std::string leader_id;
  std::string leader_address;  // gRPC, "IP:PORT"; empty: unknown
  uint32_t leadership = 0;
  std::string kubernetes;
  absl::Status kubernetes_status;  // OK: reachable and the view is whole
  bool is_synced = false;          // the first complete list has been seen
  std::vector<std::string> namespaces;
  std::map<SessionState, int64_t> sessions;
  std::map<std::string, int64_t> kubernetes_requests;  // "create pods 201" -> n
  std::vector<ProxyInfo> proxies;
  Counters counters;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_CORE_STATUS_H_
