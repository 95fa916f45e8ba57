#ifndef SPAWNER_PROXY_ROUTE_TOKEN_USE_H_
#define SPAWNER_PROXY_ROUTE_TOKEN_USE_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"

// The one use of a one-time token: a worker asks, main carries it to the leader, which alone knows
// whether it is the first. Plain values.
namespace spawner::proxy {

struct TokenUse {
  std::string session_id;
  std::string grant_id;
  absl::Time expires_at;
  uint32_t leadership = 0;  // the term it was issued in: another's leader confirms nothing
};

enum class UseVerdict : uint8_t {
  kFirst,
  kUsed,     // or that can't be told: by the leader
  kUnknown,  // nobody could be asked
};

struct TokenUseAnswer {
  uint64_t ticket = 0;  // of the worker that asked
  UseVerdict verdict = UseVerdict::kUnknown;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_ROUTE_TOKEN_USE_H_
