#ifndef SPAWNER_PROXY_ROUTE_ROUTE_ENTRY_H_
#define SPAWNER_PROXY_ROUTE_ROUTE_ENTRY_H_

#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "proxy/route/route.h"

namespace spawner::proxy {

// What a worker knows of one session id. Its address is stable until it is erased: never while it
// has a route or an owner.
struct RouteEntry {
  Route route;             // session_id is always set; the rest means something only if is_routed
  bool is_routed = false;  // false: gone, or not heard of yet
  uint64_t fence = 0;      // the greatest epoch seen
  // proxy/forward's state of the session on this worker. Opaque here; its owner calls
  // RouteTable::Release after setting it back to null.
  void* owner = nullptr;

  // The table's own. An entry with a route is in one list, one with a fence only in another.
  bool is_fenced = false;
  uint64_t named_by = 0;  // the change that last named it
  Instant removed_at;     // of one that is fenced
  RouteEntry* previous = nullptr;
  RouteEntry* next = nullptr;
};

// Entries in an order, threaded through themselves: to move one costs no allocation.
class EntryList {
 public:
  RouteEntry* front() const { return front_; }
  size_t size() const { return size_; }

  void PushBack(RouteEntry* entry) {
    entry->previous = back_;
    entry->next = nullptr;
    (back_ == nullptr ? front_ : back_->next) = entry;
    back_ = entry;
    ++size_;
  }
  void Remove(RouteEntry* entry) {
    (entry->previous == nullptr ? front_ : entry->previous->next) = entry->next;
    (entry->next == nullptr ? back_ : entry->next->previous) = entry->previous;
    entry->previous = entry->next = nullptr;
    --size_;
  }

 private:
  RouteEntry* front_ = nullptr;
  RouteEntry* back_ = nullptr;
  size_t size_ = 0;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_ROUTE_ROUTE_ENTRY_H_
