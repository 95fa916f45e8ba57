#ifndef SPAWNER_TESTS_BENCH_HISTOGRAM_H_
#define SPAWNER_TESTS_BENCH_HISTOGRAM_H_

#include <array>
#include <cstdint>

namespace spawner::bench {

// Latencies in buckets whose width grows with their value: exact below 64 ns, within 1.6 % beyond,
// up to any int64_t. Adding costs some nanoseconds and never allocates.
class Histogram {
 public:
  void Add(int64_t value);  // negative counts as 0

  uint64_t count() const { return count_; }
  int64_t max() const { return max_; }
  double mean() const;
  // The lower edge of the bucket that holds the `fraction` (0 to 1) of all values; 0 if empty.
  int64_t Quantile(double fraction) const;

 private:
  static constexpr int kBucketsPerOctave = 64;
  static constexpr int kOctaves = 58;  // 63 bits, of which the first 6 share one

  std::array<uint64_t, kBucketsPerOctave * kOctaves> buckets_{};
  uint64_t count_ = 0;
  int64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace spawner::bench

#endif  // SPAWNER_TESTS_BENCH_HISTOGRAM_H_
