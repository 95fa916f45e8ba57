#include "base/cpu_time.h"

#include <pthread.h>
#include <time.h>

namespace spawner {

absl::Duration CpuTimeOf(std::thread::native_handle_type thread) {
  clockid_t clock = 0;
  timespec time{};
  if (pthread_getcpuclockid(thread, &clock) != 0 || clock_gettime(clock, &time) != 0) return {};
  return absl::DurationFromTimespec(time);
}

}  // namespace spawner
