#ifndef SPAWNER_CONTROLLER_CORE_ONE_TIME_TOKENS_H_
#define SPAWNER_CONTROLLER_CORE_ONE_TIME_TOKENS_H_

#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "controller/core/feature.h"
#include "controller/core/table.h"
#include "controller/route/route.h"

namespace spawner::core {

// Which one-time tokens of this term have been used, until they have expired. In memory only: a
// token names the term that it was issued in, and the leader of another term confirms nothing, so
// that what a former leader knew is not missed (decision 0015).
// Thread: the loop's. Owner: Core.
class OneTimeTokens final : public Feature {
 public:
  explicit OneTimeTokens(Table& table) : table_(table) {}

  void OnProxy(uint64_t link, const route::FromProxy& message, Instant now) override;
  void OnStandDown(const absl::Status& status) override;

  size_t size() const { return used_.size(); }

 private:
  using Key = std::pair<std::string, std::string>;  // session, grant

  bool Use(const route::UseToken& token);
  void ForgetExpired(absl::Time wall);

  Table& table_;
  absl::flat_hash_set<Key> used_;
  std::deque<std::pair<absl::Time, Key>> by_age_;  // when it may be forgotten
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_ONE_TIME_TOKENS_H_
