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

// What one worker's table is built for (issue 4); it takes more. Its entries are spread over so
// many hash tables, a power of two: at this size the growth of one moves some hundred of them.
inline constexpr size_t kRoutesPerWorker = 100'000;
inline constexpr size_t kTableShards = 1024;
// Of one without origins and revocations: tested, and printed by //proxy/route:route_table_bench.
inline constexpr size_t kBytesPerRouteMax = 512;
// Larger changes cross to the workers in parts of so many routes and ids, and a worker applies no
// more than that, about 2 us each, before it turns to its connections again.
inline constexpr size_t kRoutesPerTurn = 64;
// Of fences and of negative answers, what each part of a change clears away beside twice as many as
// it names: more than can be added, and never a turn's length of them.
inline constexpr size_t kForgottenPerPart = 4;

// api.md. Over TLS only the prefixed names count: RFC 6265bis 4.1.3.
inline constexpr absl::string_view kCookieName = "spawner";
inline constexpr absl::string_view kHostCookieName = "__Host-spawner";
inline constexpr absl::string_view kSecureCookieName = "__Secure-spawner";
// Tokens tried from one place of a request: a browser may send a cookie of a former page as well.
inline constexpr size_t kCandidatesMax = 4;
// Verified grants that one worker keeps, about 1 KiB each.
inline constexpr size_t kGrantsCachedMax = 4096;
// Hashes of tokens known to be bad, 48 bytes each: the same stale cookie comes with each request.
inline constexpr size_t kBadTokensMax = 4096;

// How long a cookie of ours counts from its last renewal, whatever its grant's ttl was, and when it
// is renewed: decision 0007. A revocation must be remembered for this long.
inline constexpr absl::Duration kCookieLife = absl::Hours(7 * 24);
inline constexpr absl::Duration kCookieRenewBelow = absl::Hours(7 * 12);

// Bad signatures that one worker looks at: at 150 us each these are 7.5 % of its time (issue 4: at
// most 10 %). The second half of them is for addresses that have sent none.
inline constexpr int kBadSignaturesPerSecond = 500;
inline constexpr int kBadSignaturesPerSuspect = kBadSignaturesPerSecond / 2;
// Of one client address (IPv6: one /64) in each such window.
inline constexpr int kBadSignaturesPerAddress = 50;
inline constexpr absl::Duration kAddressWindow = absl::Seconds(10);

// How long browsers may remember a preflight's answer. Chromium allows 2 h, Firefox 24 h.
inline constexpr absl::Duration kPreflightMaxAge = absl::Minutes(10);

// Of Spawner-Busy, as the API bounds holds.
inline constexpr uint32_t kBusySecondsMax = 30 * 24 * 3600;
inline constexpr size_t kBusyReasonBytesMax = 256;

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_ROUTE_LIMITS_H_
