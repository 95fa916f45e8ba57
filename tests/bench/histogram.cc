#include "tests/bench/histogram.h"

#include <algorithm>
#include <bit>

namespace spawner::bench {
namespace {

constexpr int kBits = 6;  // of a value that tell buckets of one octave apart

size_t BucketOf(uint64_t value) {
  if (value < 1u << kBits) return value;
  const int octave = std::bit_width(value) - 1 - kBits;
  return (static_cast<size_t>(octave + 1) << kBits) + ((value >> octave) & ((1u << kBits) - 1));
}

int64_t LowerEdge(size_t bucket) {
  if (bucket < 1u << kBits) return static_cast<int64_t>(bucket);
  const size_t octave = (bucket >> kBits) - 1;
  const size_t step = bucket & ((1u << kBits) - 1);
  return static_cast<int64_t>(((size_t{1} << kBits) + step) << octave);
}

}  // namespace

void Histogram::Add(int64_t value) {
  value = std::max<int64_t>(value, 0);
  ++buckets_[BucketOf(static_cast<uint64_t>(value))];
  ++count_;
  sum_ += static_cast<double>(value);
  max_ = std::max(max_, value);
}

double Histogram::mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

int64_t Histogram::Quantile(double fraction) const {
  const double wanted = fraction * static_cast<double>(count_);
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    seen += buckets_[bucket];
    if (seen > 0 && static_cast<double>(seen) >= wanted) return LowerEdge(bucket);
  }
  return 0;
}

}  // namespace spawner::bench
