#ifndef SPAWNER_PROXY_H2_ALLOWANCE_H_
#define SPAWNER_PROXY_H2_ALLOWANCE_H_

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"
#include "base/clock.h"

namespace spawner::proxy::h2 {

// So many at once, then so many a second: what separates a busy peer from a flood.
class Allowance {
 public:
  Allowance(int64_t burst, int64_t per_second)
      : burst_(static_cast<double>(burst)),
        per_second_(static_cast<double>(per_second)),
        left_(burst_) {}

  // False: it is used up.
  bool Take(Instant now) {
    if (last_ < now) {
      const double gained = absl::ToDoubleSeconds(now - last_) * per_second_;
      left_ = last_ == Instant() ? burst_ : std::min(burst_, left_ + gained);
      last_ = now;
    }
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }

 private:
  double burst_;
  double per_second_;
  double left_;
  Instant last_;
};

}  // namespace spawner::proxy::h2

#endif  // SPAWNER_PROXY_H2_ALLOWANCE_H_
