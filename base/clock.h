#ifndef SPAWNER_BASE_CLOCK_H_
#define SPAWNER_BASE_CLOCK_H_

#include <compare>
#include <cstdint>

#include "absl/time/time.h"

namespace spawner {

// A reading of one process's monotonic clock, in nanoseconds. Means nothing in another process:
// durations cross machines, readings never do.
struct Instant {
  int64_t nanoseconds = 0;

  static constexpr Instant Infinite() { return {INT64_MAX}; }
  auto operator<=>(const Instant&) const = default;
};

inline absl::Duration operator-(Instant a, Instant b) {
  return absl::Nanoseconds(a.nanoseconds - b.nanoseconds);
}
// Saturates: Instant::Infinite() plus anything, and anything plus an infinite duration, stay so.
Instant operator+(Instant a, absl::Duration d);
inline Instant operator-(Instant a, absl::Duration d) { return a + (-d); }

// Seam 1 of 4. Deciding code takes `Instant now`; only event loops read a Clock.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant Now() const = 0;         // monotonic
  virtual absl::Time WallNow() const = 0;  // for records and token expiry only, never for waiting
};

class SystemClock final : public Clock {
 public:
  Instant Now() const override;
  absl::Time WallNow() const override;
};

// Stands still until told. Wall time moves along with it.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time wall_start = absl::FromUnixSeconds(1'800'000'000))
      : wall_start_(wall_start) {}
  Instant Now() const override { return now_; }
  absl::Time WallNow() const override { return wall_start_ + (now_ - Instant{}); }
  void Advance(absl::Duration d) { now_ = now_ + d; }
  void AdvanceTo(Instant t) { now_ = t > now_ ? t : now_; }

 private:
  absl::Time wall_start_;
  Instant now_{1'000'000'000};
};

}  // namespace spawner

#endif  // SPAWNER_BASE_CLOCK_H_
