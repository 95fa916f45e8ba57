#ifndef SPAWNER_PROXY_LINK_ROUTE_FEED_H_
#define SPAWNER_PROXY_LINK_ROUTE_FEED_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "base/ids.h"
#include "proxy/route/route.h"
#include "spawner/v1/proxy_link.pb.h"

namespace spawner::proxy {

// Makes RouteChanges of the controller's Routes: puts the parts of a whole table together and keeps
// the order of versions over links and leaders.
// Thread: main. Owner: Link.
class RouteFeed {
 public:
  // A new link of this leader. Parts of an unfinished table are dropped; another leader's log
  // begins with a whole table.
  void Begin(uint32_t leadership);

  // The changes to post to the workers, in order: none while a table is incomplete. What is older
  // than what was posted is ignored; of the same version it is posted again (an answer to a query
  // is of the newest version). A route that cannot be read is left out and logged. INVALID_ARGUMENT
  // if the peer breaks the protocol: the link must be closed.
  absl::StatusOr<std::vector<RouteChange>> Take(const v1::Routes& routes);

  // Of the newest change handed out; {leadership, 0} before the table of a new leader.
  RouteVersion version() const { return version_; }
  // A whole table has been handed out once.
  bool has_routes() const { return has_routes_; }

 private:
  absl::StatusOr<std::vector<RouteChange>> TakePart(const v1::Routes& routes);

  RouteVersion version_;
  bool has_routes_ = false;
  bool needs_table_ = true;
  std::optional<RouteChange> table_;      // parts so far
  std::vector<RouteChange> after_table_;  // changes that came between the parts
  size_t after_table_routes_ = 0;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_LINK_ROUTE_FEED_H_
