#ifndef SPAWNER_CONTROLLER_ROUTE_ROUTE_LOG_H_
#define SPAWNER_CONTROLLER_ROUTE_ROUTE_LOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "base/ids.h"
#include "controller/route/limits.h"
#include "controller/route/route.h"

namespace spawner::route {

// All routes of one leader's term, each change with a version; what a proxy lacks is the changes
// since its version, or all of them. Nothing is merged: a gate that closed, opened and closed again
// reaches every proxy as three changes.
// Thread: the loop's. Owner: Core.
class RouteLog {
 public:
  // Starts empty for a term; versions begin at 1.
  void Reset(uint32_t leadership);

  uint32_t leadership() const { return leadership_; }
  uint64_t version() const { return version_; }
  size_t size() const { return table_.size(); }

  // Publishes; a route that is published already stays at its version. Returns its version.
  uint64_t Put(const Route& route);
  // No-op for an id without a route.
  void Remove(const SessionId& session);

  const Route* Find(const SessionId& session) const;
  // Version of the route's last change; 0 if there is none.
  uint64_t VersionOf(const SessionId& session) const;

  // What a proxy at `version` of this term lacks, in order; empty if nothing. A snapshot if the
  // history does not reach back so far, or for 0.
  std::vector<Routes> Since(uint64_t version) const;

 private:
  // Shared by the table and the history.
  using RoutePtr = std::shared_ptr<const Route>;
  // By its route's session.
  struct Entry {
    RoutePtr route;
    uint64_t version = 0;

    static const SessionId& KeyOf(const SessionId& session) { return session; }
    static const SessionId& KeyOf(const Entry& entry) { return entry.route->session; }
    struct Hash {
      using is_transparent = void;
      size_t operator()(const auto& of) const { return absl::HashOf(KeyOf(of)); }
    };
    struct Eq {
      using is_transparent = void;
      bool operator()(const auto& a, const auto& b) const { return KeyOf(a) == KeyOf(b); }
    };
  };
  struct Change {
    uint64_t version = 0;
    SessionId session;
    RoutePtr route;  // null: removed
  };

  std::shared_ptr<const RoutePolicy> Share(const std::shared_ptr<const RoutePolicy>& policy);
  void Append(const SessionId& session, RoutePtr route);
  std::vector<Routes> Snapshot() const;

  uint32_t leadership_ = 0;
  uint64_t version_ = 0;
  absl::flat_hash_set<Entry, Entry::Hash, Entry::Eq> table_;
  // Each once, however many routes have it.
  absl::flat_hash_map<RoutePolicy, std::shared_ptr<const RoutePolicy>> policies_;
  size_t purge_at_ = kPoliciesMin;
  std::deque<Change> history_;
};

}  // namespace spawner::route

#endif  // SPAWNER_CONTROLLER_ROUTE_ROUTE_LOG_H_
