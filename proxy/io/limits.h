#ifndef SPAWNER_PROXY_IO_LIMITS_H_
#define SPAWNER_PROXY_IO_LIMITS_H_

#include <cstddef>

namespace spawner::proxy {

// One per thread. 16 KiB costs 1.7 times as much CPU on 1 MiB bodies; beyond 64 KiB nothing is won.
inline constexpr size_t kScratchBytes = 128 * 1024;
// Events taken from the kernel per wait: bounds a turn.
inline constexpr int kEventsPerWait = 256;
// Connections waiting for accept, per listener; the kernel caps it at net.core.somaxconn.
inline constexpr int kListenBacklog = 4096;

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_IO_LIMITS_H_
