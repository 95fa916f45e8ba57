#include "proxy/link/usage_book.h"

#include <algorithm>

#include "proxy/link/codec.h"
#include "proxy/link/limits.h"

namespace spawner::proxy {

void UsageBook::Update(int worker, const std::vector<SessionTotals>& totals) {
  for (const SessionTotals& total : totals) {
    const Key key{total.session_id, total.epoch};
    Sum& sum = sums_[key];
    sum.by_worker.resize(workers_);
    Part& part = sum.by_worker[worker];
    open_ += total.open - part.open;
    part = {total.open, total.held, total.opened_total, total.bytes_total, total.last_active};
    changed_.insert(key);
    if (IsOpen(sum) != sum.was_open) {
      urgent_.insert(key);
    } else {
      urgent_.erase(key);
    }
  }
}

bool UsageBook::IsOpen(const Sum& sum) {
  return std::any_of(sum.by_worker.begin(), sum.by_worker.end(),
                     [](const Part& part) { return part.open != 0; });
}

bool UsageBook::IsOver(const Key& key) const {
  const auto routed = routed_.find(key.first);
  return routed == routed_.end() || key.second < routed->second;
}

void UsageBook::Apply(const RouteChange& change) {
  absl::flat_hash_map<std::string, uint64_t> before;
  if (change.replaces_all) before.swap(routed_);
  for (const Route& route : change.routes) {
    uint64_t& epoch = routed_[route.session_id];
    epoch = std::max(epoch, route.epoch);
    if (!change.replaces_all) ForgetIfOver(route.session_id);
  }
  for (const std::string& id : change.removed) {
    routed_.erase(id);
    ForgetIfOver(id);
  }
  for (const auto& [id, epoch] : before) ForgetIfOver(id);
}

void UsageBook::ForgetIfOver(const std::string& session_id) {
  for (auto it = sums_.lower_bound({session_id, 0});
       it != sums_.end() && it->first.first == session_id;) {
    const bool forget = IsOver(it->first) && !IsOpen(it->second) && changed_.count(it->first) == 0;
    it = forget ? sums_.erase(it) : std::next(it);
  }
}

void UsageBook::Report(const Key& key, Instant now, v1::Usage& usage) {
  const auto it = sums_.find(key);
  Part total;
  for (const Part& part : it->second.by_worker) {
    total.open += part.open;
    total.held += part.held;
    total.opened_total += part.opened_total;
    total.bytes_total += part.bytes_total;
    total.last_active = std::max(total.last_active, part.last_active);
  }
  v1::SessionUsage* const proto = usage.add_sessions();
  proto->set_session_id(key.first);
  proto->set_epoch(key.second);
  proto->set_open(total.open);
  proto->set_held(total.held);
  proto->set_opened_total(total.opened_total);
  proto->set_bytes_total(total.bytes_total);
  // A worker's reading may be a moment younger than main's.
  SetDuration(*proto->mutable_idle_for(), std::max(now - total.last_active, absl::ZeroDuration()));
  it->second.was_open = total.open != 0;
  if (total.open == 0 && IsOver(key)) sums_.erase(it);
}

v1::Usage UsageBook::TakeComplete(Instant now) {
  std::vector<Key> keys;
  for (const auto& [key, sum] : sums_) keys.push_back(key);
  v1::Usage usage;
  usage.set_complete(true);
  for (const Key& key : keys) Report(key, now, usage);
  changed_.clear();
  urgent_.clear();
  return usage;
}

v1::Usage UsageBook::TakeUrgent(Instant now) {
  v1::Usage usage;
  for (size_t n = 0; n < kUsageSessionsMax && !urgent_.empty(); ++n) {
    const Key key = *urgent_.begin();
    urgent_.erase(key);
    changed_.erase(key);
    Report(key, now, usage);
  }
  return usage;
}

v1::Usage UsageBook::TakeChanged(Instant now) {
  v1::Usage usage;
  for (size_t n = 0; n < kUsageSessionsMax && !changed_.empty(); ++n) {
    const Key key = *changed_.begin();
    urgent_.erase(key);
    changed_.erase(key);
    Report(key, now, usage);
  }
  return usage;
}

}  // namespace spawner::proxy
