#ifndef SPAWNER_TESTS_BENCH_LIMITS_H_
#define SPAWNER_TESTS_BENCH_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace spawner::bench {

// ---- all three programs ----
inline constexpr int kEventsPerWait = 256;
inline constexpr int kListenBacklog = 4096;
// Long bodies are read through one buffer: beyond 64 KiB nothing is won.
inline constexpr size_t kScratchBytes = 256 * 1024;

// ---- backend ----
inline constexpr size_t kBackendBufferBytes = 4096;  // a request's head, or a WebSocket frame
inline constexpr size_t kAnswerBytes = 128;          // where the path names no size
inline constexpr size_t kBodyBytesMax = 4 * 1024 * 1024;

// ---- load ----
inline constexpr size_t kLoadBufferBytes = 1024;  // an answer's head, or an echoed frame
inline constexpr int kConnectionsMax = 19'000;    // below 20,000 descriptors
inline constexpr int kHostsMax = 10'000;          // four digits: s0000 to s9999
inline constexpr size_t kMessageBytesMax = 1000;
// Handshakes under way at a time before the load begins: no backlog overflows.
inline constexpr int kHandshakesMax = 64;
inline constexpr int64_t kConnectPatienceNs = 40'000'000'000;
// A request that was due this long before the end and has no answer counts as late.
inline constexpr int64_t kLateNs = 100'000'000;

}  // namespace spawner::bench

#endif  // SPAWNER_TESTS_BENCH_LIMITS_H_
