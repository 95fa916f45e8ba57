#ifndef SPAWNER_BASE_HISTOGRAM_H_
#define SPAWNER_BASE_HISTOGRAM_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace spawner {

// Durations counted by upper bounds, as Prometheus has it. A value type.
class Histogram {
 public:
  // In seconds: from 0.5 ms, as a Connect to a live session takes less than 1 ms, to the default
  // start timeout.
  static constexpr std::array<double, 18> kBounds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                     0.05,   0.1,   0.25,   0.5,   1,    2.5,
                                                     5,      10,    30,     60,    120,  300};

  // A negative one counts as 0: clocks of two machines met.
  void Add(absl::Duration duration) {
    const double seconds = std::max(0.0, absl::ToDoubleSeconds(duration));
    const auto* const bound = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
    ++counts_[static_cast<size_t>(bound - kBounds.begin())];
    sum_seconds_ += seconds;
  }

  // Of each bound, those above the one before; the last: above all.
  const std::array<uint64_t, kBounds.size() + 1>& counts() const { return counts_; }
  double sum_seconds() const { return sum_seconds_; }

 private:
  std::array<uint64_t, kBounds.size() + 1> counts_{};
  double sum_seconds_ = 0;
};

}  // namespace spawner

#endif  // SPAWNER_BASE_HISTOGRAM_H_
