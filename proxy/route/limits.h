#ifndef SPAWNER_PROXY_ROUTE_LIMITS_H_
#define SPAWNER_PROXY_ROUTE_LIMITS_H_

#include <cstddef>

#include "absl/strings/string_view.h"
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

// api.md. Over TLS only the prefixed names count: RFC 6265bis 4.1.3.
inline constexpr absl::string_view kCookieName = "spawner";
inline constexpr absl::string_view kHostCookieName = "__Host-spawner";
inline constexpr absl::string_view kSecureCookieName = "__Secure-spawner";
// Tokens tried from one place of a request: a browser may send a cookie of a former page as well.
inline constexpr size_t kCandidatesMax = 4;
// Verified grants that one worker keeps, about 1 KiB each.
inline constexpr size_t kGrantsCachedMax = 4096;

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_ROUTE_LIMITS_H_
