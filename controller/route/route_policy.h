#ifndef SPAWNER_CONTROLLER_ROUTE_ROUTE_POLICY_H_
#define SPAWNER_CONTROLLER_ROUTE_ROUTE_POLICY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

// Parts of a Route: proxy_link.proto is the reference.
namespace spawner::route {

// What a session's spec says of its route: the same for most sessions of an application.
struct RoutePolicy {
  std::string ns;
  int protocol = 0;  // BackendProtocol's number; 0 while it has no address
  bool token_required = true;
  bool strip_prefix = true;
  absl::Duration hold_timeout = absl::Seconds(60);
  std::vector<std::string> allowed_origins = {};
  std::vector<std::string> embed_origins = {};
  std::vector<std::string> ignore_paths = {};
  int32_t max_connections = 0;

  bool operator==(const RoutePolicy&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const RoutePolicy& p) {
    return H::combine(std::move(h), p.ns, p.protocol, p.token_required, p.strip_prefix,
                      p.hold_timeout, p.allowed_origins, p.embed_origins, p.ignore_paths,
                      p.max_connections);
  }
};

// Which grants count no more.
struct RouteRevocations {
  std::vector<std::string> grants;
  std::vector<std::pair<std::string, absl::Time>> users;  // not issued before
  std::optional<absl::Time> not_issued_before;            // of all

  bool operator==(const RouteRevocations&) const = default;
};

struct RouteEnd {
  absl::Time at;
  int as = 0;  // EndReason's number

  bool operator==(const RouteEnd&) const = default;
};

}  // namespace spawner::route

#endif  // SPAWNER_CONTROLLER_ROUTE_ROUTE_POLICY_H_
