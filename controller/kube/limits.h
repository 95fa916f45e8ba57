#ifndef SPAWNER_CONTROLLER_KUBE_LIMITS_H_
#define SPAWNER_CONTROLLER_KUBE_LIMITS_H_

#include <cstddef>

#include "absl/time/time.h"

namespace spawner::kube {

// One object. An API server refuses to store more than 1.5 MiB; escapes may double it.
inline constexpr size_t kAnswerBytesMax = 4 << 20;
// An error answer is read up to here; the rest is dropped.
inline constexpr size_t kErrorBytesMax = 64 << 10;
// One page of a list, and how many pods we ask for in it: a pod has some 3 to 10 KB.
inline constexpr size_t kListPageBytesMax = 64 << 20;
inline constexpr int kListPageItems = 250;
// Pods in one view. Ten times what one API server is said to bear on 500 nodes.
inline constexpr size_t kPodsMax = 150'000;
inline constexpr int kListPagesMax = 1'000;
// One watch event: one object and its envelope.
inline constexpr size_t kWatchLineBytesMax = kAnswerBytesMax + (64 << 10);

// Errors of list and watch.
inline constexpr absl::Duration kBackoffMin = absl::Milliseconds(100);
inline constexpr absl::Duration kBackoffMax = absl::Seconds(10);
// A server that asks for more patience than this gets no more.
inline constexpr absl::Duration kRetryAfterMax = absl::Minutes(1);
// What 429 without Retry-After means.
inline constexpr absl::Duration kRetryAfterDefault = absl::Seconds(1);

// timeoutSeconds of a watch is chosen between these, as client-go's reflector does.
inline constexpr absl::Duration kWatchMin = absl::Minutes(5);
inline constexpr absl::Duration kWatchMax = absl::Minutes(10);
// A watch that ended sooner made no progress: back off.
inline constexpr absl::Duration kWatchHealthyMin = absl::Seconds(1);
// Bookmarks come about once a minute (75 s seen): two of them lost.
inline constexpr absl::Duration kWatchSilenceMax = absl::Seconds(150);
// From the request to the head of a watch's answer.
inline constexpr absl::Duration kWatchHeadMax = absl::Seconds(30);
// A resumed watch that got neither event nor error for this long is up to date: the error for a
// version that is too old comes right after the head.
inline constexpr absl::Duration kWatchSettle = absl::Milliseconds(250);

// A kubeconfig, a certificate, a token.
inline constexpr size_t kConfigBytesMax = 4 << 20;
// A token file is read again when this old: kubelet rotates it at 80 % of at least ten minutes.
inline constexpr absl::Duration kTokenFileAge = absl::Minutes(1);

// CurlTransport: requests in flight; more of them end as UNAVAILABLE. One API server connection
// carries 100; sessions have one at a time.
inline constexpr size_t kRequestsMax = 20'000;
// libcurl 7.88 opens one for each request that finds the others full or still in their handshake:
// a burst of 250 opened 64. What finds none waits; streams are shared as soon as one is up.
inline constexpr int kConnectionsMax = 16;
inline constexpr absl::Duration kConnectMax = absl::Seconds(10);
// An acknowledgement of TCP that is out for this long means that the peer is gone; it is asked for
// after 10 s of silence.
inline constexpr absl::Duration kTcpSilenceMax = absl::Seconds(20);
inline constexpr absl::Duration kTcpProbeAfter = absl::Seconds(10);
inline constexpr absl::Duration kTcpProbeEvery = absl::Seconds(5);

// LeaseElector. Annotations of one object may have 256 KiB together.
inline constexpr size_t kRosterBytesMax = 128 << 10;
// No two writes come sooner than this, whatever changes or collides.
inline constexpr absl::Duration kLeaseWriteEvery = absl::Milliseconds(100);
// Times `retry`: how long a newcomer leaves a released Lease to others. Retries are up to 1.2 apart.
inline constexpr int kNewcomerRetries = 2;
// A holder that claims the Lease for longer is not believed.
inline constexpr absl::Duration kLeaseDurationMax = absl::Minutes(5);

// Events of one pod asked for at once: a kubelet counts what repeats, so there are some 10.
constexpr int kEventListMax = 500;

}  // namespace spawner::kube

#endif  // SPAWNER_CONTROLLER_KUBE_LIMITS_H_
