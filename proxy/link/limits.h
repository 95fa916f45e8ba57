#ifndef SPAWNER_PROXY_LINK_LIMITS_H_
#define SPAWNER_PROXY_LINK_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace spawner::proxy {

// Between attempts: doubled from the first to the last, half of it jitter.
inline constexpr absl::Duration kBackoffMin = absl::Milliseconds(50);
inline constexpr absl::Duration kBackoffMax = absl::Seconds(2);
// A link that was up for less counts as one more failed attempt.
inline constexpr absl::Duration kBackoffForgetAfter = absl::Seconds(1);
// NotLeader answers followed without a pause: two controllers that name each other do not spin.
inline constexpr int kRedirectsMax = 3;

// From the dial to the Welcome.
inline constexpr absl::Duration kWelcomeMax = absl::Seconds(3);
// A link on which nothing came for so long is dead: issue 3 asks for detection within 3 s. At least
// kSilentHeartbeats intervals, for a controller that beats slower than once a second.
inline constexpr absl::Duration kSilenceMin = absl::Milliseconds(2500);
inline constexpr absl::Duration kSilenceMax = absl::Seconds(30);
inline constexpr double kSilentHeartbeats = 2.5;

// The link may be down for so long and the proxy still counts as ready: longer than a change of
// leaders takes (lease 6 s, election, dial), so that none makes all proxies unready at once.
inline constexpr absl::Duration kUnreadyAfter = absl::Seconds(15);

// How often changed totals are sent: architecture.md.
inline constexpr absl::Duration kUsagePeriod = absl::Seconds(1);
// Of one Usage message, some 60 bytes each: far below gRPC's 4 MiB.
inline constexpr size_t kUsageSessionsMax = 10'000;

// A whole table: ten times what one proxy is built for.
inline constexpr size_t kSnapshotRoutesMax = 1'000'000;
// Changes that some worker has not applied yet: beyond it the link is not read.
inline constexpr size_t kUnappliedMax = 10'000;

// Questions that wait for an answer. Beyond it a new one is dropped: its request runs into the
// worker's own bound on holding.
inline constexpr size_t kQueriesMax = 10'000;
// An answer that never came is waited for no longer than any request would be held.
inline constexpr absl::Duration kQueryForget = absl::Seconds(60);

// Of the controller's questions what is open in a session, and of the answers to them that wait.
inline constexpr size_t kInspectsMax = 64;
// Of one answer, whatever the controller asks for.
inline constexpr int32_t kInspectedConnectionsMax = 100;

// As --drain-timeout.
inline constexpr absl::Duration kDrainMax = absl::Hours(24);

// One-time tokens that wait for the leader's answer. Beyond it a new one lets nobody in.
inline constexpr size_t kUsesMax = 10'000;

// Signing keys in use at one time: a rotation needs two.
inline constexpr int kKeysMax = 16;
// Per route. The controller sends at most 1,000 ids, then a time (architecture.md), and 32 origins.
inline constexpr int kRevokedMax = 4096;
inline constexpr size_t kOriginsMax = 64;
// Sessions whose backends said that they are busy while the link was down or full.
inline constexpr size_t kBusyMax = 4096;
inline constexpr int kIgnorePathsMax = 64;
// How much later than written the controller's clock may arrive before it counts as set back.
inline constexpr absl::Duration kClockSlack = absl::Seconds(2);
// Workers hear of the controller's clock only when it moved by more.
inline constexpr absl::Duration kClockStep = absl::Milliseconds(100);

// After the last connection closed, for the last report to go out and the stream to end.
inline constexpr absl::Duration kLastReportMax = absl::Seconds(2);

// The largest message accepted: 100,000 routes of a part without `last` are some 12 MB.
inline constexpr int kMessageBytesMax = 64 << 20;
// Of one text that comes with a route ("message").
inline constexpr size_t kRouteTextMax = 4096;

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_LINK_LIMITS_H_
