#ifndef SPAWNER_CONTROLLER_CORE_LIMITS_H_
#define SPAWNER_CONTROLLER_CORE_LIMITS_H_

#include <cstddef>

#include "absl/time/time.h"

namespace spawner::core {

// Sessions that one turn of the loop looks at, so that answers and links are never far away.
constexpr size_t kSessionsPerTurn = 256;

// Live and remembered: some 10 KiB each.
constexpr size_t kSessionsMax = 20'000;
// Ended incarnations remembered beside a live one; older ones are let go before their time.
constexpr size_t kEndedPerSessionMax = 16;

// Connects that wait for their pod, over all sessions.
constexpr size_t kConnectsWaitingMax = 10'000;
// How long the answer waits for the proxies to know the (holding) route.
constexpr absl::Duration kConnectAckWaitMax = absl::Milliseconds(100);
// How long a Connect, or a Terminate, tries to make its change durable before it says it can't.
constexpr absl::Duration kDurableWaitMax = absl::Seconds(10);
// Same request_id, same answer.
constexpr absl::Duration kRequestMemory = absl::Minutes(10);
constexpr size_t kRequestsMax = 50'000;
// Names that were taken by a pod that is not ours.
constexpr int kCreateAttemptsMax = 3;

// Of our writes to Kubernetes.
constexpr int kWritesInFlightMax = 128;
constexpr absl::Duration kBackoffMin = absl::Milliseconds(100);
constexpr absl::Duration kBackoffMax = absl::Seconds(10);
// A delete that was accepted shows in the watch at once; if not, it is sent again.
constexpr absl::Duration kDeleteAgainAfter = absl::Seconds(10);
// A pod that we created and no watch has shown yet may be missing in a list that is older.
constexpr absl::Duration kListLagMax = absl::Seconds(30);

// WaitSessions, over all sessions.
constexpr size_t kWaitsMax = 10'000;
// How much longer than asked for a hold is written, at most: a prolongation within it is no write.
constexpr absl::Duration kHoldSlackMax = absl::Minutes(1);

// Changes kept for watchers that resume.
constexpr size_t kEventsMax = 4096;
constexpr size_t kWatchersMax = 1000;
constexpr absl::Duration kBookmarkInterval = absl::Seconds(30);
constexpr int kPageSizeMax = 1000;

// Between two looks for the pods of lost proxies.
constexpr absl::Duration kProxyPodInterval = absl::Seconds(2);

// From the request for a log that is not followed to its end, between two pieces.
constexpr absl::Duration kLogSilenceMax = absl::Seconds(30);
// Of an answer that says why there is no log.
constexpr size_t kLogErrorBytesMax = 64 << 10;

// The loop looks around at least this often.
constexpr absl::Duration kPollMax = absl::Seconds(60);

// A link that has not said hello by then is closed.
constexpr absl::Duration kHelloWaitMax = absl::Seconds(5);
constexpr size_t kLinksMax = 512;
// How long a request may wait at a proxy for a backend; the proxy may have a lower bound.
constexpr absl::Duration kHoldTimeout = absl::Minutes(5);

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_LIMITS_H_
