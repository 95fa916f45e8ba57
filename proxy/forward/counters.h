#ifndef SPAWNER_PROXY_FORWARD_COUNTERS_H_
#define SPAWNER_PROXY_FORWARD_COUNTERS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "proxy/io/counter.h"

namespace spawner::proxy {

enum class UpstreamError {
  kConnect,
  kConnectTimeout,
  kReset,
  kMalformed,
  kTruncated,
  kUnasked,
  kBodyTimeout
};
inline constexpr size_t kUpstreamErrors = 7;
inline constexpr std::array<const char*, kUpstreamErrors> kUpstreamErrorNames = {
    "connect", "connect_timeout", "reset", "malformed", "truncated", "unasked", "body_timeout"};

// What a client was too slow with: its request's head, the body, or taking the answer.
enum class ClientTimeout { kHead, kBody, kAnswer };
inline constexpr size_t kClientTimeouts = 3;
inline constexpr std::array<const char*, kClientTimeouts> kClientTimeoutNames = {"head", "body",
                                                                                 "answer"};

// Upper bounds in seconds of spawner_proxy_request_duration_seconds.
inline constexpr std::array<double, 12> kDurationBounds = {
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30};

// What a worker counts beside its sessions.
struct Counters {
  Counter clients;         // client connections open
  Counter h2_clients;      // of them those that speak HTTP/2
  Counter h2_streams;      // requests and tunnels on these
  Counter upstreams;       // backend connections open
  Counter tunnels;         // of them pairs that carry a WebSocket
  Counter held;            // requests that wait, for whatever reason
  Counter refused;         // connections refused: out of descriptors, or over kClientsPerWorkerMax
  Counter retried;         // requests sent again because a reused connection was dead
  Counter routes_applied;  // set, removed or refused
  Counter access_lines;    // of the access log, handed over
  Counter access_dropped;  // its sink had too much to write already
  Counter progress_pages;  // shown
  Counter refused_addresses;           // connections refused: their address has as many as it may
  Counter refused_requests;            // 503: the worker holds as much memory as it may
  Counter accept_pauses;               // times that accepting stopped for want of descriptors
  std::array<Counter, 1000> requests;  // finished, by status; 499: the client left before it
  std::array<Counter, kUpstreamErrors> upstream_errors;
  std::array<Counter, kClientTimeouts> client_timeouts;
  std::array<Counter, kDurationBounds.size() + 1> durations;
  Counter duration_nanoseconds;

  void Error(UpstreamError kind) { upstream_errors[static_cast<size_t>(kind)].Add(); }
  void TimedOut(ClientTimeout kind) { client_timeouts[static_cast<size_t>(kind)].Add(); }
  void Finish(int status, absl::Duration duration) {
    requests[static_cast<size_t>(status) % requests.size()].Add();
    const double seconds = absl::ToDoubleSeconds(duration);
    size_t bucket = 0;
    while (bucket < kDurationBounds.size() && seconds > kDurationBounds[bucket]) ++bucket;
    durations[bucket].Add();
    duration_nanoseconds.Add(absl::ToInt64Nanoseconds(duration));
  }
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_COUNTERS_H_
