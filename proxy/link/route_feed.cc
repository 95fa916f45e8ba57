#include "proxy/link/route_feed.h"

#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "proxy/link/codec.h"
#include "proxy/link/limits.h"

namespace spawner::proxy {
namespace {

// Appends to `change`.
void Decode(const v1::Routes& routes, RouteChange& change) {
  for (const v1::Route& proto : routes.routes()) {
    absl::StatusOr<Route> route = RouteFromProto(proto);
    if (route.ok()) {
      change.routes.push_back(*std::move(route));
    } else {
      Log(LogLevel::kError, "route_refused",
          {{"session", proto.session_id()}, {"error", std::string(route.status().message())}});
    }
  }
  for (const std::string& id : routes.removed()) change.removed.push_back(id);
}

}  // namespace

void RouteFeed::Begin(uint32_t leadership) {
  table_.reset();
  after_table_.clear();
  after_table_routes_ = 0;
  if (leadership != version_.leadership) {
    version_ = {leadership, 0};
    needs_table_ = true;
  }
}

absl::StatusOr<std::vector<RouteChange>> RouteFeed::Take(const v1::Routes& routes) {
  if (routes.snapshot()) return TakePart(routes);
  RouteChange change{.version = {version_.leadership, routes.version()}};
  if (table_.has_value()) {
    if (change.version > table_->version) {
      Decode(routes, change);
      after_table_routes_ += change.routes.size() + change.removed.size() + 1;
      if (after_table_routes_ > kSnapshotRoutesMax) {
        return absl::InvalidArgumentError("routes: too many changes within a whole table");
      }
      after_table_.push_back(std::move(change));
    }
    return std::vector<RouteChange>{};
  }
  if (needs_table_) {
    return absl::InvalidArgumentError("routes: a new leader began with a change, not a table");
  }
  std::vector<RouteChange> changes;
  if (change.version < version_) return changes;
  Decode(routes, change);
  version_ = change.version;
  changes.push_back(std::move(change));
  return changes;
}

absl::StatusOr<std::vector<RouteChange>> RouteFeed::TakePart(const v1::Routes& routes) {
  const RouteVersion version{version_.leadership, routes.version()};
  if (!needs_table_ && version < version_) {
    return absl::InvalidArgumentError(absl::StrCat("routes: a table of version ", routes.version(),
                                                   " after version ", version_.version));
  }
  if (!table_.has_value() || table_->version != version) {
    table_ = RouteChange{.version = version, .replaces_all = true};
    after_table_.clear();
    after_table_routes_ = 0;
  }
  if (table_->routes.size() + routes.routes_size() > kSnapshotRoutesMax) {
    return absl::InvalidArgumentError("routes: the table is too large");
  }
  Decode(routes, *table_);
  std::vector<RouteChange> changes;
  if (!routes.last()) return changes;
  table_->removed.clear();  // what a whole table does not name is gone anyway
  changes.push_back(*std::move(table_));
  table_.reset();
  std::move(after_table_.begin(), after_table_.end(), std::back_inserter(changes));
  after_table_.clear();
  after_table_routes_ = 0;
  version_ = changes.back().version;
  has_routes_ = true;
  needs_table_ = false;
  return changes;
}

}  // namespace spawner::proxy
