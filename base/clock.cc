#include "base/clock.h"

namespace spawner {

Instant operator+(Instant a, absl::Duration d) {
  if (a == Instant::Infinite() || d == absl::InfiniteDuration()) return Instant::Infinite();
  int64_t sum = 0;
  if (__builtin_add_overflow(a.nanoseconds, absl::ToInt64Nanoseconds(d), &sum)) {
    return d < absl::ZeroDuration() ? Instant{INT64_MIN} : Instant::Infinite();
  }
  return {sum};
}

}  // namespace spawner
