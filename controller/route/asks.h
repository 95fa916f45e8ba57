#ifndef SPAWNER_CONTROLLER_ROUTE_ASKS_H_
#define SPAWNER_CONTROLLER_ROUTE_ASKS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "base/ids.h"

// What a proxy asks of the leader for somebody else, and the answers: messages of proxy_link.proto,
// whose comments are the reference.
namespace spawner::route {

struct UseToken {
  uint64_t sequence = 0;
  SessionId session;
  std::string grant_id;
  absl::Time expires_at;
  uint32_t leadership = 0;
};

struct HoldRequest {
  uint64_t sequence = 0;
  SessionId session;
  Epoch epoch;
  absl::Duration ttl;  // 0: a release
  std::string reason;
};

struct UseTokenAnswer {
  uint64_t sequence = 0;
  bool is_first_use = false;
};

struct HoldAnswer {
  uint64_t sequence = 0;
  std::optional<absl::Duration> ttl;
  std::string refusal;
  int code = 0;
};

}  // namespace spawner::route

#endif  // SPAWNER_CONTROLLER_ROUTE_ASKS_H_
