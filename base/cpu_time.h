#ifndef SPAWNER_BASE_CPU_TIME_H_
#define SPAWNER_BASE_CPU_TIME_H_

#include <thread>

#include "absl/time/time.h"

namespace spawner {

// What a thread has used of a CPU so far; zero once it has ended. It must not be joined yet.
absl::Duration CpuTimeOf(std::thread::native_handle_type thread);

}  // namespace spawner

#endif  // SPAWNER_BASE_CPU_TIME_H_
