#ifndef SPAWNER_CONTROLLER_ROUTE_LIMITS_H_
#define SPAWNER_CONTROLLER_ROUTE_LIMITS_H_

#include <cstddef>

#include "absl/time/time.h"

namespace spawner::route {

// Changes kept for proxies that resume: about a minute of a busy controller, 2 MiB.
constexpr size_t kHistoryMax = 4096;
// Policies that are kept before those without a route are let go.
constexpr size_t kPoliciesMin = 64;
// Per message: with the longest `message` (1 KiB) still well below gRPC's 4 MiB.
constexpr size_t kRoutesPerMessageMax = 500;

// Known at once, the lost ones included. The roster has to fit an annotation (256 KiB).
constexpr size_t kProxiesMax = 256;
constexpr size_t kProxyIdBytesMax = 128;
constexpr size_t kPodNameBytesMax = 253;  // a DNS subdomain
constexpr size_t kRosterBytesMax = 200 * 1024;
// Sessions that one proxy may report.
constexpr size_t kUsageEntriesMax = 100'000;

constexpr absl::Duration kHeartbeatInterval = absl::Seconds(1);
// Five heartbeats without a word: the link is closed and the proxy lost.
constexpr absl::Duration kSilenceMax = absl::Seconds(5);
// A link that breaks silently swallows reports until both ends have noticed.
constexpr absl::Duration kReportLossMax = absl::Seconds(10);
// How long a given-up proxy is still named by sessions it may have served.
constexpr absl::Duration kGivenUpMemory = absl::Hours(1);

}  // namespace spawner::route

#endif  // SPAWNER_CONTROLLER_ROUTE_LIMITS_H_
