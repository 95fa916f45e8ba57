#ifndef SPAWNER_CONTROLLER_API_LIMITS_H_
#define SPAWNER_CONTROLLER_API_LIMITS_H_

#include <cstddef>

#include "absl/time/time.h"

// Every bound of the edge.
namespace spawner::api {

// --- requests -----------------------------------------------------------------------------------
inline constexpr size_t kRequestBytesMax = 256 << 10;  // a spec is some 2 KiB
// What gRPC reads at all: more than kRequestBytesMax, so that the answer to a request that is too
// large can name it, and enough for a proxy's usage of 30,000 sessions.
inline constexpr size_t kReceiveBytesMax = 4 << 20;
inline constexpr size_t kKeyBytesMax = 256;
inline constexpr size_t kTagBytesMax = 256;
inline constexpr size_t kRequestIdBytesMax = 128;
inline constexpr size_t kEtagBytesMax = 128;
inline constexpr size_t kHoldOwnerBytesMax = 128;
inline constexpr size_t kHoldReasonBytesMax = 256;
// Of WaitSession; and how long before its call's deadline it answers.
inline constexpr absl::Duration kWaitMax = absl::Minutes(10);
inline constexpr absl::Duration kWaitAnswerSlack = absl::Milliseconds(100);
inline constexpr size_t kNamespaceBytesMax = 63;  // RFC 1123
inline constexpr size_t kFilterBytesMax = 4096;
inline constexpr size_t kFilterTermsMax = 16;
inline constexpr size_t kPageTokenBytesMax = 1024;
inline constexpr int kPageSizeDefault = 100;
inline constexpr int kPageSizeMax = 1000;
inline constexpr size_t kTemplateNameBytesMax = 253;  // as Kubernetes
inline constexpr int kMessageDepthMax = 64;  // nesting that the search for unknown fields follows
inline constexpr size_t kGrantIdBytesMax = 64;
inline constexpr absl::Duration kGrantTtlDefault = absl::Hours(1);
inline constexpr absl::Duration kGrantTtlMax = absl::Hours(24);

// --- calls --------------------------------------------------------------------------------------
// Unary calls in the loop's mailbox or waiting for the core. A restarted application server may
// send one Connect for each of its users.
inline constexpr int kCallsMax = 10'000;
inline constexpr absl::Duration kOverloadRetry = absl::Seconds(1);
inline constexpr absl::Duration kNotReadyRetry = absl::Seconds(1);
// A call without a deadline of its own that is forwarded to the leader.
inline constexpr absl::Duration kForwardTimeoutMax = absl::Minutes(10);
// How long a read waits for the leader before the standby's own view has to do.
inline constexpr absl::Duration kForwardReadMax = absl::Seconds(1);
// An explanation asks proxies and Kubernetes first, for 2 s at most.
inline constexpr absl::Duration kForwardExplainMax = absl::Seconds(3);
// A connection, ours to the leader or a client's to us, that carries nothing for this long is
// probed; no answer in as long again as the second cuts it.
inline constexpr int kKeepaliveMs = 10'000;
inline constexpr int kKeepaliveTimeoutMs = 5'000;
// A connection that is older takes no new calls (GOAWAY); the next one goes through the Service
// anew, to whichever controllers there are by then. Calls and streams that are open go on.
inline constexpr absl::Duration kConnectionAgeMax = absl::Minutes(30);
// Open on one connection; further ones wait at their client. A standby passes on what all of its
// clients ask by one.
inline constexpr int kStreamsPerConnectionMax = kCallsMax;
// Of a forwarded answer: a page of the largest size.
inline constexpr int kForwardBytesMax = 64 << 20;

// --- streams ------------------------------------------------------------------------------------
inline constexpr int kWatchersMax = 1'000;
// Messages of one watcher that are not on the wire yet, when changes of what its list has told come
// on top of kWatchListAhead. A watcher that is slower gets RESOURCE_EXHAUSTED and lists again.
inline constexpr size_t kWatchOutboxMax = 4'096;
// Told ahead of its reader, of the list and of changes; the rest waits in the core.
inline constexpr size_t kWatchListAhead = 64;
// Messages that are built already for the next watcher.
inline constexpr size_t kWatchMessagesKept = 32;
// Diagnose, Uninstall: for operators, some 20 requests each.
inline constexpr int kStepStreamsMax = 4;
inline constexpr int kLogsMax = 64;  // each with a connection to the API server, and to a kubelet
// Of one log, not on the wire yet: then its sender waits. One piece may come on top.
inline constexpr size_t kLogOutboxBytesMax = 256 << 10;
inline constexpr size_t kLogMessageBytesMax = 64 << 10;
// Who follows a session that has not started is served this late at the most.
inline constexpr absl::Duration kLogRetry = absl::Milliseconds(250);
inline constexpr int kLinksMax = 1'000;
// Messages to one proxy that are not on the wire yet. One that is slower is cut off: it dials again
// and gets a snapshot.
inline constexpr size_t kLinkOutboxMax = 4'096;
inline constexpr size_t kProxyIdBytesMax = 128;
// Of a proxy's answer to Inspect: what was asked for, and a client's address, with a zone.
inline constexpr int kInspectedMax = 20;
inline constexpr size_t kPeerBytesMax = 128;

inline constexpr size_t kNodeNameBytesMax = 253;                   // a DNS name
inline constexpr absl::Duration kProxyDrainMax = absl::Hours(24);  // as proxies' --drain-timeout

// --- HTTP port ----------------------------------------------------------------------------------
inline constexpr int kHttpConnectionsMax = 64;
inline constexpr size_t kHttpHeadBytesMax = 8 << 10;
inline constexpr size_t kHttpBodyBytesMax = 256 << 10;             // as kRequestBytesMax
inline constexpr absl::Duration kHttpTimeout = absl::Seconds(5);   // head, answer and idle, each
inline constexpr absl::Duration kHttpCallMax = absl::Seconds(30);  // what the gRPC services take
// Of the connections: health checks and metrics always find one.
inline constexpr int kHttpStreamsMax = 32;
// Of one stream, not on the wire yet: more cuts its client off.
inline constexpr size_t kHttpStreamBytesMax = 512 << 10;
// And so does a piece that does not leave within this long.
inline constexpr absl::Duration kHttpStreamWriteMax = absl::Seconds(15);
// A comment, so that proxies in between keep the stream, and a peer that is gone is noticed.
inline constexpr absl::Duration kHttpKeepAlive = absl::Seconds(15);
// How often a status stream looks at its session: before it is ready, and afterwards.
inline constexpr absl::Duration kBackendPollStarting = absl::Milliseconds(100);
inline constexpr absl::Duration kBackendPollReady = absl::Seconds(1);
// The status page. An hour of history; each look counts the sessions, as a scrape of /metrics does.
inline constexpr absl::Duration kHistoryLookEvery = absl::Seconds(5);
inline constexpr absl::Duration kHistoryStep = absl::Seconds(10);
inline constexpr size_t kHistoryPointsMax = 360;
inline constexpr absl::Duration kStatusEvery = absl::Seconds(2);
inline constexpr absl::Duration kSessionsEvery = absl::Milliseconds(250);
// After a watch that has ended: for a new leader, or for another reason.
inline constexpr absl::Duration kRewatchSoon = absl::Seconds(1);
inline constexpr absl::Duration kRewatchLater = absl::Minutes(1);

// --- start and end ------------------------------------------------------------------------------
inline constexpr absl::Duration kKeysRetryMin = absl::Milliseconds(200);
inline constexpr absl::Duration kKeysRetryMax = absl::Seconds(5);
// --- keys ---------------------------------------------------------------------------------------
// A standby learns of a rotation this late at the most.
inline constexpr absl::Duration kKeysRereadEvery = absl::Seconds(5);
// Until a new key signs: the proxies, which are told of it at once, have it long before.
inline constexpr absl::Duration kSignAfter = absl::Seconds(2);
// That count at one time: half of what a proxy takes.
inline constexpr size_t kKeysMax = 8;
// Writes of a rotation that found the Secret changed.
inline constexpr int kKeysConflictsMax = 5;
inline constexpr absl::Duration kOverlapDefault = absl::Hours(24);  // the longest ttl of a grant
inline constexpr absl::Duration kOverlapMax = absl::Hours(24 * 30);
// Of the 5 s that SIGTERM may take: calls get this long to be answered before they are cancelled.
inline constexpr absl::Duration kDrainTimeout = absl::Seconds(3);
// And then this long for the last answers and the GOAWAY to go out. gRPC would wait here for every
// client to hang up, which an idle one never does: it does not read (gRPC 1.51 polls during calls).
inline constexpr absl::Duration kFlushTimeout = absl::Milliseconds(100);

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_LIMITS_H_
