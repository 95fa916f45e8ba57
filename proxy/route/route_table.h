#ifndef SPAWNER_PROXY_ROUTE_ROUTE_TABLE_H_
#define SPAWNER_PROXY_ROUTE_ROUTE_TABLE_H_

#include <bit>
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
#include "proxy/route/limits.h"
#include "proxy/route/route.h"
#include "proxy/route/route_entry.h"

namespace spawner::proxy {

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

// One worker's routes: found by session id, no lock, no allocation on the way to a route. No call
// takes longer the more routes there are, but for the growth of one of kTableShards: a worker stays
// in time for its requests while 100,000 routes come, go and expire.
// Thread: its worker's. Owner: its Worker.
//   if (RouteEntry* entry = table.Find(id); entry && entry->is_routed) ...
class RouteTable {
 public:
  RouteTable();
  RouteTable(const RouteTable&) = delete;
  RouteTable& operator=(const RouteTable&) = delete;

  // Null if nothing is known of the id. Not for keeping beyond the turn unless `owner` is set.
  RouteEntry* Find(absl::string_view session_id) const;

  // The id's entry, added without a route if there is none: for requests that wait for an answer
  // of the controller. The caller sets `owner`.
  RouteEntry* FindOrAdd(absl::string_view session_id);

  // To be called after `owner` was set to null: erases what has neither route nor fence.
  void Release(RouteEntry* entry);

  // A negative answer stands for this id: 404 without asking again.
  bool IsUnknown(absl::string_view session_id, Instant now);

  // Applies one part of a change. Events: one per route named, per id in `removed` that was routed,
  // per unknown id with an owner. Not while is_sweeping.
  std::vector<RouteEvent> Apply(RouteChange part, Instant now);

  // A whole table has been named to its last part: what it left out goes by calls of Sweep, at most
  // `max` routes each, and is served until then. Events: one per route, those named longest ago
  // first.
  bool is_sweeping() const { return is_sweeping_; }
  std::vector<RouteEvent> Sweep(size_t max, Instant now);

  // Of the newest change that had one, and was applied as a whole.
  RouteVersion version() const { return version_; }
  // Within a change: some of it has been applied.
  bool is_between() const { return is_between_ || is_sweeping_; }
  size_t routed() const { return routed_.size(); }
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
  // Small tables, so that the growth of one moves few entries.
  using Shard = absl::flat_hash_set<std::unique_ptr<RouteEntry>, Hash, Equal>;

  Shard& ShardOf(size_t hash) { return shards_[hash >> kShardShift]; }
  const Shard& ShardOf(size_t hash) const { return shards_[hash >> kShardShift]; }
  RouteEvent ApplyRoute(Route route, Instant now);
  RouteEvent Remove(RouteEntry* entry, Instant now);
  void ForgetFences(size_t max, Instant now);
  void Unfence(RouteEntry* entry);
  void Erase(RouteEntry* entry);
  void EndIfSwept();
  void LearnUnknown(std::string session_id, Instant now);
  void ForgetUnknown(size_t max, Instant now);

  static constexpr int kShardShift = 64 - std::countr_zero(kTableShards);
  std::vector<Shard> shards_;
  EntryList routed_;  // named longest ago first
  EntryList fences_;  // removed longest ago first
  RouteVersion version_;
  RouteVersion applying_;
  uint64_t changes_ = 0;
  bool is_between_ = false;
  bool is_sweeping_ = false;
  absl::flat_hash_map<std::string, Instant> unknown_;  // value: believed until
  std::deque<std::pair<std::string, Instant>> unknown_by_age_;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_ROUTE_ROUTE_TABLE_H_
