#ifndef SPAWNER_PROXY_LIMIT_FLAGS_H_
#define SPAWNER_PROXY_LIMIT_FLAGS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proxy/forward/limits.h"
#include "proxy/io/limits.h"

namespace spawner::proxy {

// Timeouts and limits as the command line has them, checked.
struct LimitSettings {
  ForwardLimits forward;
  absl::Duration dead_peer_timeout = kDeadPeerTimeout;
  uint32_t connections_per_address = 0;  // zero: no limit
  int64_t reserved_descriptors = 0;      // zero: by the limit of open files
};

// INVALID_ARGUMENT: "--flag: what is allowed".
absl::StatusOr<LimitSettings> LimitsFromFlags();

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_LIMIT_FLAGS_H_
