#include "proxy/shared_addresses.h"

#include "base/check.h"
#include "proxy/route/verify_budget.h"

namespace spawner::proxy {

std::optional<AddressSlot> SharedAddresses::TryOpen(absl::string_view ip) {
  if (max_ == 0) return AddressSlot();
  const std::string key = BudgetKey(ip);
  const MutexLock lock(mutex_);
  const auto [it, is_new] = counts_.try_emplace(key, *this);
  Count& count = it->second;
  if (is_new) count.key = it->first;
  if (count.open >= max_) return std::nullopt;
  ++count.open;
  return AddressSlot(&count);
}

void SharedAddresses::Close(AddressCount* closed) {
  const MutexLock lock(mutex_);
  auto& count = static_cast<Count&>(*closed);
  SPAWNER_CHECK(count.open > 0);
  if (--count.open > 0) return;
  const auto it = counts_.find(count.key);
  SPAWNER_CHECK(it != counts_.end());
  counts_.erase(it);
}

size_t SharedAddresses::addresses() const {
  const MutexLock lock(mutex_);
  return counts_.size();
}

}  // namespace spawner::proxy
