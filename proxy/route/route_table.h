#ifndef SPAWNER_PROXY_ROUTE_ROUTE_TABLE_H_
#define SPAWNER_PROXY_ROUTE_ROUTE_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"
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

  // The table's own: the removal that put it among the fences, and the change that last named it.
  uint64_t removal = 0;
  uint64_t named_by = 0;
};

// What a change did to one session.
struct RouteEvent {
  enum class Kind {
    kChanged,  // entry->route is new, or differs, or was named again
    kRemoved,  // the route is gone: named in `removed`, or not named by a whole table
    kUnknown,  // a negative answer for an id that has an owner but no route
    kRefused,  // the change's epoch is lower than one seen: nothing was changed
  };
  Kind kind;
  RouteEntry* entry;  // until the table is touched again
  bool was_routed = false;
  RouteState was_state = RouteState::kHold;
  uint64_t was_epoch = 0;
};

// One worker's routes: found by session id, no lock, no allocation on the way to a route.
// Thread: its worker's. Owner: its Worker.
//   if (RouteEntry* entry = table.Find(id); entry && entry->is_routed) ...
class RouteTable {
 public:
  RouteTable() = default;
  RouteTable(const RouteTable&) = delete;
  RouteTable& operator=(const RouteTable&) = delete;

  // Null if nothing is known of the id. Not for keeping beyond the turn unless `owner` is set.
  RouteEntry* Find(absl::string_view session_id);

  // The id's entry, added without a route if there is none: for requests that wait for an answer
  // of the controller. The caller sets `owner`.
  RouteEntry* FindOrAdd(absl::string_view session_id);

  // To be called after `owner` was set to null: erases what has neither route nor fence.
  void Release(RouteEntry* entry);

  // A negative answer stands for this id: 404 without asking again.
  bool IsUnknown(absl::string_view session_id, Instant now);

  // Applies one change as a whole. Events: one per route named, per id in `removed` that was
  // routed, per session that a whole table left out (sorted), per unknown id with an owner.
  std::vector<RouteEvent> Apply(RouteChange change, Instant now);

  // Of the newest change applied that had one.
  RouteVersion version() const { return version_; }
  size_t routed() const { return routed_; }
  size_t fences() const { return fences_.size(); }
  size_t unknown_ids() const { return unknown_.size(); }

 private:
  struct IdOf {
    static absl::string_view Of(absl::string_view id) { return id; }
    static absl::string_view Of(const std::unique_ptr<RouteEntry>& entry) {
      return entry->route.session_id;
    }
  };
  struct Hash : IdOf {
    using is_transparent = void;
    template <typename T>
    size_t operator()(const T& value) const {
      return absl::Hash<absl::string_view>{}(Of(value));
    }
  };
  struct Equal : IdOf {
    using is_transparent = void;
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return Of(a) == Of(b);
    }
  };
  struct Fence {
    std::string session_id;
    Instant removed_at;
    uint64_t removal;
  };

  RouteEvent ApplyRoute(Route route);
  RouteEvent Remove(RouteEntry* entry, Instant now);
  void RemoveUnnamed(std::vector<RouteEvent>& events, Instant now);
  void ForgetOldFences(Instant now);
  void LearnUnknown(std::string session_id, Instant now);
  void ForgetOldUnknown(Instant now);

  absl::flat_hash_set<std::unique_ptr<RouteEntry>, Hash, Equal> entries_;
  size_t routed_ = 0;
  RouteVersion version_;
  uint64_t changes_ = 0;
  // Oldest first. An entry routed again since has another `removal`: its fence here is stale.
  std::deque<Fence> fences_;
  uint64_t removals_ = 0;
  absl::flat_hash_map<std::string, Instant> unknown_;  // value: believed until
  std::deque<std::pair<std::string, Instant>> unknown_by_age_;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_ROUTE_ROUTE_TABLE_H_
