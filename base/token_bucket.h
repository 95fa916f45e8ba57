#ifndef SPAWNER_BASE_TOKEN_BUCKET_H_
#define SPAWNER_BASE_TOKEN_BUCKET_H_

#include "absl/time/time.h"
#include "base/clock.h"

namespace spawner {

// So many a second on average, so many at once. A value.
class TokenBucket {
 public:
  // Both above zero. It begins full.
  TokenBucket(double per_second, double burst, Instant now)
      : per_second_(per_second), burst_(burst), level_(burst), filled_at_(now) {}

  // Zero: there is one. Else when there will be, if nobody else takes it.
  absl::Duration WaitFor(Instant now) const {
    const double level = LevelAt(now);
    return level >= 1 ? absl::ZeroDuration() : absl::Seconds((1 - level) / per_second_);
  }
  // After a wait of zero.
  void Take(Instant now) {
    level_ = LevelAt(now) - 1;
    filled_at_ = now;
  }
  // How many of those that may come at once were taken lately.
  double Used(Instant now) const { return burst_ - LevelAt(now); }
  bool IsFull(Instant now) const { return LevelAt(now) >= burst_; }

 private:
  // A tenth of a microsecond's worth is given: sums of fractions end just below a whole.
  double LevelAt(Instant now) const {
    const double level =
        level_ + absl::ToDoubleSeconds(now - filled_at_ + absl::Nanoseconds(100)) * per_second_;
    return level < burst_ ? level : burst_;
  }

  double per_second_;
  double burst_;
  double level_;
  Instant filled_at_;
};

}  // namespace spawner

#endif  // SPAWNER_BASE_TOKEN_BUCKET_H_
