#ifndef SPAWNER_CONTROLLER_AUTH_EXPIRING_MAP_H_
#define SPAWNER_CONTROLLER_AUTH_EXPIRING_MAP_H_

#include <cstddef>
#include <list>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"

namespace spawner::auth {

// What is known for a time, at most `entries_max` of it: then the one that was put first goes.
// Thread: one. Owner: who remembers.
template <typename Value>
class ExpiringMap {
 public:
  explicit ExpiringMap(size_t entries_max) : entries_max_(entries_max) {}
  ExpiringMap(const ExpiringMap&) = delete;
  ExpiringMap& operator=(const ExpiringMap&) = delete;

  // Null if it is not there, or no longer good. Good until the next call of Put.
  const Value* Find(absl::string_view key, Instant now) const {
    const auto found = entries_.find(key);
    if (found == entries_.end() || found->second->until <= now) return nullptr;
    return &found->second->value;
  }

  void Put(std::string key, Value value, Instant until) {
    if (const auto found = entries_.find(key); found != entries_.end()) {
      const auto entry = found->second;
      entries_.erase(found);
      order_.erase(entry);
    }
    order_.push_back({std::move(key), std::move(value), until});
    const auto entry = std::prev(order_.end());
    entries_.emplace(entry->key, entry);
    if (order_.size() <= entries_max_) return;
    entries_.erase(order_.front().key);
    order_.pop_front();
  }

  void Clear() {
    entries_.clear();
    order_.clear();
  }
  size_t size() const { return order_.size(); }

 private:
  struct Entry {
    std::string key;
    Value value;
    Instant until;
  };

  const size_t entries_max_;
  std::list<Entry> order_;
  // Keys point into the entries.
  absl::flat_hash_map<absl::string_view, typename std::list<Entry>::iterator> entries_;
};

}  // namespace spawner::auth

#endif  // SPAWNER_CONTROLLER_AUTH_EXPIRING_MAP_H_
