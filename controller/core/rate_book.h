#ifndef SPAWNER_CONTROLLER_CORE_RATE_BOOK_H_
#define SPAWNER_CONTROLLER_CORE_RATE_BOOK_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/token_bucket.h"
#include "controller/core/per_namespace.h"

namespace spawner::core {

// How often Connect may be called, by one name each: of a namespace, of a caller.
// Thread: one. Owner: Fairness.
class RateBook {
 public:
  // `per_second` 0: no limit. A second's worth may come at once, one at the least.
  // `what`: "namespace", "caller".
  RateBook(absl::string_view what, PerNamespace<double> per_second)
      : what_(what), per_second_(std::move(per_second)) {}

  // OK: one may be taken. RESOURCE_EXHAUSTED / RATE_LIMITED with the wait until one is there.
  absl::Status Check(const std::string& name, Instant now);
  // After an OK in the same turn.
  void Take(const std::string& name, Instant now);
  // In the last second, about.
  int64_t Used(const std::string& name, Instant now) const;
  size_t size() const { return buckets_.size(); }

 private:
  // Null: there are too many names, none of which rests.
  TokenBucket* Find(const std::string& name, Instant now);

  const std::string what_;
  const PerNamespace<double> per_second_;  // by name
  std::map<std::string, TokenBucket> buckets_;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_RATE_BOOK_H_
