#include "controller/core/rate_book.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/core/limits.h"

namespace spawner::core {

TokenBucket* RateBook::Find(const std::string& name, Instant now) {
  const auto found = buckets_.find(name);
  if (found != buckets_.end()) return &found->second;
  if (buckets_.size() >= kRateNamesMax) {
    std::erase_if(buckets_, [now](const auto& entry) { return entry.second.IsFull(now); });
    if (buckets_.size() >= kRateNamesMax) return nullptr;
  }
  const double rate = per_second_.Of(name);
  const TokenBucket full(rate, std::max(1.0, rate), now);
  return &buckets_.emplace(name, full).first->second;
}

absl::Status RateBook::Check(const std::string& name, Instant now) {
  if (per_second_.Of(name) <= 0) return absl::OkStatus();
  const TokenBucket* bucket = Find(name, now);
  const absl::Duration wait = bucket == nullptr ? absl::Seconds(1) : bucket->WaitFor(now);
  if (wait == absl::ZeroDuration()) return absl::OkStatus();
  return WithRetryAfter(
      WithReason(absl::ResourceExhaustedError(absl::StrCat(
                     "connect: ", what_, " ", name, " may connect ", per_second_.Of(name),
                     " times a second; the next time is in ", absl::FormatDuration(wait))),
                 "RATE_LIMITED",
                 {{"quota", absl::StrCat("connects_per_second_of_", what_)},
                  {what_, name},
                  {"limit", per_second_.Of(name)}}),
      wait);
}

void RateBook::Take(const std::string& name, Instant now) {
  if (per_second_.Of(name) <= 0) return;
  if (TokenBucket* bucket = Find(name, now); bucket != nullptr) bucket->Take(now);
}

int64_t RateBook::Used(const std::string& name, Instant now) const {
  const auto found = buckets_.find(name);
  return found == buckets_.end() ? 0 : static_cast<int64_t>(std::ceil(found->second.Used(now)));
}

}  // namespace spawner::core
