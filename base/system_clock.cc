#include <time.h>

#include "absl/time/clock.h"
#include "base/clock.h"

namespace spawner {

Instant SystemClock::Now() const {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return {static_cast<int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec};
}

absl::Time SystemClock::WallNow() const { return absl::Now(); }

}  // namespace spawner
