#ifndef SPAWNER_CONTROLLER_CORE_LIMITS_H_
#define SPAWNER_CONTROLLER_CORE_LIMITS_H_

#include <cstddef>

#include "absl/time/time.h"

namespace spawner::core {

// Sessions that one turn of the loop looks at, so that answers and links are never far away.
constexpr size_t kSessionsPerTurn = 256;
// Room for those that are marked, kept when none is.
constexpr size_t kDirtyKept = 1024;

// Live and remembered.
constexpr size_t kSessionsMax = 100'000;
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
// Revokes that wait for their write, or for proxies, over all sessions.
constexpr size_t kRevokesWaitingMax = 1000;
// How long one waits for both: api.md.
constexpr absl::Duration kRevokeWaitMax = absl::Seconds(2);
// One-time tokens that were used in the last kOneTimeMemory: 60 s of their life and as much for a
// proxy's idea of the time. 800 uses a second; 100 bytes each.
constexpr absl::Duration kOneTimeMemory = absl::Minutes(2);
constexpr size_t kOneTimeTokensMax = 100'000;
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
// Who waits for an annotation to be written, over all sessions and of one: while Kubernetes is down
// each waits for kDurableWaitMax.
constexpr size_t kNoteWaitersMax = 10'000;
constexpr size_t kNoteWaitersPerSessionMax = 64;
// How much longer than asked for a hold is written, at most: a prolongation within it is no write.
constexpr absl::Duration kHoldSlackMax = absl::Minutes(1);

// Volume claims in one answer of the API server, some 2 KiB each.
constexpr int kClaimsPageSize = 500;
// After a list or a delete of them that failed, doubled each time.
constexpr absl::Duration kClaimsRetry = absl::Seconds(1);
constexpr absl::Duration kClaimsRetryMax = absl::Minutes(5);

// Changes kept for watchers that resume.
constexpr size_t kEventsMax = 4096;
constexpr size_t kWatchersMax = 1010;  // those of callers (api/limits.h), and our own
// Of one page, and of the initial lists of all watchers together: 5 ms of the loop are some 600.
constexpr size_t kListedPerTurn = 64;
// Of all sessions there are: more than kSessionsMax need, should a page have kListedPerTurn only.
constexpr size_t kAllSessionsPagesMax = 2000;
// Ends that one order (an uninstallation, a node's drain) asks for at one time: of the API server's
// patience, and of the loop's.
constexpr int kOrdersInFlightMax = 32;
// Of one turn of the loop; a single call may take longer.
constexpr absl::Duration kPostedPerTurnMax = absl::Milliseconds(1);
// Messages to watchers, of changes, in one turn: gRPC writes some of them at once, 10 to 20 us
// each. A change that a filter leaves out is looked at for the sixteenth part.
constexpr size_t kWatchSendsPerTurn = 128;
constexpr size_t kWatchSendCost = 16;
constexpr absl::Duration kBookmarkInterval = absl::Seconds(30);
constexpr int kPageSizeMax = 1000;

// Of one Explain: how long it waits for the connected proxies, and for the pod's events.
constexpr absl::Duration kInspectWaitMax = absl::Milliseconds(500);
constexpr absl::Duration kEventsWaitMax = absl::Seconds(2);
// What a proxy is asked for, the connections that are open longest; and what is shown of events.
constexpr int kInspectedConnectionsMax = 20;
constexpr size_t kPodEventsMax = 50;
// Under way at once: each asks every proxy that has something of its session.
constexpr size_t kExplainsMax = 64;

// Of a start that hangs in PULLING: when its pod's events are read, and how often again.
constexpr absl::Duration kDetailAfter = absl::Seconds(2);
constexpr absl::Duration kDetailIntervalMin = absl::Seconds(4);
constexpr absl::Duration kDetailIntervalMax = absl::Seconds(30);
constexpr int kDetailsInFlightMax = 4;
constexpr size_t kDetailBytesMax = 512;

// Between two looks for the pods of lost proxies.
constexpr absl::Duration kProxyPodInterval = absl::Seconds(2);

// From the request for a log that is not followed to its end, between two pieces.
constexpr absl::Duration kLogSilenceMax = absl::Seconds(30);
// Of an answer that says why there is no log.
constexpr size_t kLogErrorBytesMax = 64 << 10;

// How long an answer of the metrics API is shown: metrics-server itself looks every 15 s.
constexpr absl::Duration kUsageFresh = absl::Seconds(5);
// Whoever lists sessions with their usage waits so long for it.
constexpr absl::Duration kUsageWaitMax = absl::Seconds(2);

// The loop looks around at least this often.
constexpr absl::Duration kPollMax = absl::Seconds(60);

// A link that has not said hello by then is closed.
constexpr absl::Duration kHelloWaitMax = absl::Seconds(5);
constexpr size_t kLinksMax = 512;
// How long a request may wait at a proxy for a backend; the proxy may have a lower bound.
constexpr absl::Duration kHoldTimeout = absl::Minutes(5);

// Users that GetQuotas tells of: those with the most sessions.
constexpr size_t kQuotaUsersShown = 100;
// Names whose rate of Connects is known at one time; each some 150 bytes.
constexpr size_t kRateNamesMax = 10'000;
// Connects that wait for their turn to start a session, as many as calls.
constexpr size_t kStartsWaitingMax = 10'000;
// Who has no deadline waits so long for that turn.
constexpr absl::Duration kStartWaitMax = absl::Seconds(60);
// Before its own deadline, so that the caller hears why.
constexpr absl::Duration kStartWaitMargin = absl::Milliseconds(100);
constexpr absl::Duration kStartRetry = absl::Seconds(1);

// RetryInfo where nobody can know when another try helps: the earliest instant at which something
// changes by itself, within these bounds; what people end is not foreseen.
constexpr absl::Duration kQuotaRetryMin = absl::Seconds(1);
constexpr absl::Duration kQuotaRetryMax = absl::Seconds(30);
// Proxies report what is open once a second.
constexpr absl::Duration kConnectionsRetry = absl::Seconds(1);
// No node fits: a cluster autoscaler looks for such pods every 10 s (its --scan-interval).
constexpr absl::Duration kCapacityRetry = absl::Seconds(10);
// Somebody is ahead, and is through within moments.
constexpr absl::Duration kConnectRetry = absl::Seconds(1);
constexpr absl::Duration kWatchRetry = absl::Seconds(1);

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_LIMITS_H_
