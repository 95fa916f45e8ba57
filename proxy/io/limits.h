#ifndef SPAWNER_PROXY_IO_LIMITS_H_
#define SPAWNER_PROXY_IO_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace spawner::proxy {

// One per thread. 16 KiB costs 1.7 times as much CPU on 1 MiB bodies; beyond 64 KiB nothing is won.
inline constexpr size_t kScratchBytes = 128 * 1024;
// Parts of a write that are joined, so that the kernel need not read a vector.
inline constexpr size_t kJoinedBytesMax = 1024;
// What a pipe takes at once between two sockets, as much as the scratch buffer, and how much of a
// body must be left for it to be worth while: below that, three system calls cost more than the
// copy that they save.
inline constexpr size_t kSpliceBytesMax = kScratchBytes;
inline constexpr size_t kSpliceBytesMin = 48 * 1024;
// Pipes of a thread, of two descriptors each: those with bytes for slow readers, beyond which
// bodies are copied, and empty ones that are kept.
inline constexpr size_t kPipesMax = 128;
inline constexpr size_t kSparePipesMax = 4;
// Events taken from the kernel per wait: bounds a turn.
inline constexpr int kEventsPerWait = 256;
// Connections waiting for accept, per listener; the kernel caps it at net.core.somaxconn.
inline constexpr int kListenBacklog = 4096;

// ---- peers that vanish without a word ----
// How long one may be silent, to a probe or to what was sent to it, until it counts as gone: half
// of it passes before the first of three probes. tests: half_open_test.
inline constexpr absl::Duration kDeadPeerTimeout = absl::Seconds(90);
inline constexpr absl::Duration kDeadPeerTimeoutLeast = absl::Seconds(6);
inline constexpr absl::Duration kDeadPeerTimeoutMost = absl::Hours(2);
inline constexpr int kDeadPeerProbes = 3;

// ---- descriptors ----
// Of the limit of open files, what is not the workers' connections: files, the controller's link,
// the admin port, and the loops' own (4 a worker, and spare pipes).
inline constexpr int64_t kOtherDescriptors = 64;
inline constexpr int64_t kDescriptorsPerWorker = 4 + 2 * int64_t{kSparePipesMax};
// A worker needs a listener or two, a client and a backend at the very least.
inline constexpr int64_t kDescriptorsLeast = 32;
// Kept from clients if no flag says more: an eighth, at most so many.
inline constexpr int64_t kReservedDescriptors = 1024;
inline constexpr int64_t kReservedDescriptorsMost = 1'000'000;

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_IO_LIMITS_H_
