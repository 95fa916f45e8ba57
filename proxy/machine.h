#ifndef SPAWNER_PROXY_MACHINE_H_
#define SPAWNER_PROXY_MACHINE_H_

#include <cstdint>

namespace spawner::proxy {

// Bytes that this process may use: the machine's memory, or less if its control group says so
// (a container's limit).
int64_t MemoryLimit();

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_MACHINE_H_
