#ifndef SPAWNER_PROXY_ROUTE_LIMITS_H_
#define SPAWNER_PROXY_ROUTE_LIMITS_H_

#include <cstddef>

#include "absl/time/time.h"

namespace spawner::proxy {

// How long "this id is no session's" is believed: api.md.
inline constexpr absl::Duration kUnknownTtl = absl::Seconds(1);
// Ids believed unknown at one time on one worker. A scan of random ids beyond it drops the oldest
// answers, which costs one query each when asked again.
inline constexpr size_t kUnknownIdsMax = 10'000;

// How long, and for how many sessions, the greatest epoch seen outlives its route. A leader that
// wakes up late is fenced by its lease within seconds; ten minutes is the retention of a record.
inline constexpr absl::Duration kFenceTtl = absl::Minutes(10);
inline constexpr size_t kFencesMax = 100'000;

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_ROUTE_LIMITS_H_
