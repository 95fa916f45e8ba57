#ifndef SPAWNER_CONTROLLER_ROUTE_PROXY_USAGE_H_
#define SPAWNER_CONTROLLER_ROUTE_PROXY_USAGE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "base/clock.h"
#include "controller/route/route.h"

namespace spawner::route {

// What one proxy process said of one session, for people.
struct ProxyUsage {
  std::string proxy;
  uint64_t generation = 0;
  uint64_t link = 0;        // 0: lost
  absl::Duration lost_for;  // if it is
  // Lost, and it may serve somebody of the session: unknown until then at the latest.
  std::optional<Instant> unknown_until;
  bool is_given_up = false;
  // Of every epoch together, as sums of counts do; totals of the epoch that was asked for.
  SessionUsage usage;
  // The last count behind a closed gate of the epoch, of this term.
  std::optional<GateCount> gate;
};

}  // namespace spawner::route

#endif  // SPAWNER_CONTROLLER_ROUTE_PROXY_USAGE_H_
