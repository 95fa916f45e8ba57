#ifndef SPAWNER_PROXY_FORWARD_LIMITS_H_
#define SPAWNER_PROXY_FORWARD_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "proxy/http/limits.h"

namespace spawner::proxy {

// ---- turns: no connection keeps the loop from the others ----
inline constexpr int kRoundsPerTurn = 4;  // reads of one scratch buffer each, per direction
// Of bodies and tunnels, all connections together: what is left of them waits for the next turn, so
// that requests that come meanwhile need not wait for all of it. Thrice in a turn: for its events,
// and for what earlier ones have left of bodies and of tunnels.
inline constexpr size_t kBytesPerTurn = 1024 * 1024;
// Once these are used up, an event may still read so much: whatever is small goes on.
inline constexpr size_t kBytesOverTurn = 8 * 1024;
inline constexpr int kAcceptsPerTurn = 64;

// ---- clients ----
inline constexpr absl::Duration kClientIdleTimeout = absl::Seconds(75);  // as nginx
inline constexpr absl::Duration kHeadTimeout = absl::Seconds(10);  // a head's first to last byte
// No byte of a body moves, though somebody owes one: as nginx. Streams owe none.
inline constexpr absl::Duration kBodyIdleTimeout = absl::Seconds(60);
// How long a close waits for the client to take the answer and close its side.
inline constexpr absl::Duration kLingerTimeout = absl::Seconds(2);
inline constexpr size_t kLingerBytesMax = 4 * 1024 * 1024;
// A FIN this soon after the request may mean "answer, then close" (nc -N); later the client has
// left.
inline constexpr absl::Duration kFinWithRequest = absl::Milliseconds(100);
// How long it gets for that answer; until then its session counts as used.
inline constexpr absl::Duration kHalfClosedTimeout = absl::Seconds(2);
// Client connections of one worker; more are refused. 2 descriptors each at most.
inline constexpr size_t kClientsPerWorkerMax = 500'000;
// Of one client address in the whole process: an office behind one address has some hundreds of
// people with ten connections each.
inline constexpr int64_t kConnectionsPerAddress = 10'000;
inline constexpr int64_t kConnectionsPerAddressMost = 1'000'000;

// ---- held requests ----
// Of a question of the progress page: well below what balancers give a silent request (60 s).
inline constexpr absl::Duration kProgressReportTimeout = absl::Seconds(25);
// Of ids that no route names yet: how long the controller may take to answer.
inline constexpr absl::Duration kTokenUseTimeout = absl::Seconds(3);
inline constexpr absl::Duration kUnknownHoldTimeout = absl::Seconds(10);
// The question may have been lost with the link: asked again by requests that come later.
inline constexpr absl::Duration kAskAgainAfter = absl::Seconds(1);

// What flags may change. The counts are of the whole proxy if Workbench::held has one.
struct HoldOptions {
  // Together, and of one session. Each may keep a head of 32 KiB.
  uint32_t max = 10'000;
  uint32_t per_session_max = 256;
  // Over the time that the controller gives a session's requests.
  absl::Duration timeout_max = absl::Minutes(15);
  // A start that takes longer is shown to a browser; below it the application opens directly.
  absl::Duration page_after = absl::Seconds(1);  // infinite: no page
};

// ---- backends ----
// As many as 16 HTTP/2 connections may have in use at once: they come back within one turn. What
// rests was in use a moment ago, so this is no more than there was; it goes after
// kUpstreamIdleTimeout.
inline constexpr size_t kIdleUpstreamsPerSession = 2048;
// Below the 5 s of node and uvicorn, so that we close first.
inline constexpr absl::Duration kUpstreamIdleTimeout = absl::Seconds(4);
inline constexpr absl::Duration kConnectTimeout = absl::Seconds(3);
// A backend that is ready but refuses: only while its route is this young.
inline constexpr absl::Duration kConnectPatience = absl::Seconds(5);
inline constexpr absl::Duration kConnectRetryMin = absl::Milliseconds(10);
inline constexpr absl::Duration kConnectRetryMax = absl::Milliseconds(400);
inline constexpr int kInterimResponsesMax = 16;

// ---- tunnels ----
// One side has finished: how long the other may stay silent.
inline constexpr absl::Duration kHalfOpenTimeout = absl::Seconds(30);
// How long a close of ours waits for the end of a frame (api.md).
inline constexpr absl::Duration kCloseFrameTimeout = absl::Milliseconds(250);

// ---- reports ----
inline constexpr absl::Duration kUsageInterval = absl::Seconds(1);
// "At once", but at most 200 reports a second from a session that flaps.
inline constexpr absl::Duration kUsageGapMin = absl::Milliseconds(5);
// And so much later if nothing happens meanwhile, with which they can go: a wait that ends for them
// alone costs more than they do.
inline constexpr absl::Duration kUsageSlack = absl::Milliseconds(2);
// Sessions reported in one turn of a worker; the others follow in the next ones.
inline constexpr size_t kTotalsPerTurn = 256;

// ---- what flags may change (proxy/limit_flags.cc), and how far ----
struct ForwardLimits {
  absl::Duration head_timeout = kHeadTimeout;
  absl::Duration body_idle_timeout = kBodyIdleTimeout;  // zero: none
  absl::Duration client_idle_timeout = kClientIdleTimeout;
  absl::Duration connect_timeout = kConnectTimeout;
  size_t head_bytes_max = kHeadBytesMax;  // of a request
  size_t fields_max = kFieldsMax;
  int64_t memory_bytes_max = 0;  // that a worker's connections hold; zero: as much as they like
};
inline constexpr absl::Duration kTimeoutLeast = absl::Milliseconds(100);
inline constexpr absl::Duration kTimeoutMost = absl::Hours(24);
inline constexpr int64_t kWorkerMemoryMibLeast = 16;
inline constexpr int64_t kWorkerMemoryMibMost = 1024 * 1024;
// ---- /debug/connections, in one turn of each worker ----
inline constexpr size_t kInspectedMax = 1000;  // requests and tunnels
inline constexpr size_t kInspectedSessionsMax = 20'000;

// ---- access log ----
inline constexpr size_t kLoggedTextMax = 1024;           // of a path, a host, ...
inline constexpr size_t kAccessBufferBytes = 32 * 1024;  // of a worker, then it goes to the sink
inline constexpr absl::Duration kAccessFlushInterval = absl::Milliseconds(200);
// What waits to be written, of all workers; what comes then is dropped and counted.
inline constexpr size_t kAccessQueueBytesMax = 8 * 1024 * 1024;

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_LIMITS_H_
