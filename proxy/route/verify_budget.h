#ifndef SPAWNER_PROXY_ROUTE_VERIFY_BUDGET_H_
#define SPAWNER_PROXY_ROUTE_VERIFY_BUDGET_H_

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"

namespace spawner::proxy {

// What one worker may spend on signatures that turn out to be bad. Good ones are free: each is
// looked at once. Whoever sends bad ones has a budget of its own; the worker has one for all, half
// of which is for addresses that have sent none.
// Thread: one worker's. Owner: GrantCache.
class VerifyBudget {
 public:
  // May a signature from this address be looked at?
  bool Allows(absl::string_view client_ip, Instant now);
  // It was bad.
  void Spend(absl::string_view client_ip);

  size_t addresses() const { return by_address_.size(); }

 private:
  void TurnTo(Instant now);

  int64_t second_ = -1;
  int64_t window_ = -1;
  int spent_ = 0;  // in this second
  // In this window. Bounded by what may be spent in it.
  absl::flat_hash_map<std::string, int> by_address_;
};

// What shares a budget: an IPv4 address, the /64 of an IPv6 one.
std::string BudgetKey(absl::string_view ip);

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_ROUTE_VERIFY_BUDGET_H_
