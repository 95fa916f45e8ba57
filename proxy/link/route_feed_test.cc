#include "proxy/link/route_feed.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "proxy/link/codec.h"

namespace spawner::proxy {
namespace {

v1::Routes Message(uint64_t version, std::vector<std::string> ids) {
  v1::Routes routes;
  routes.set_version(version);
  for (const std::string& id : ids) {
    v1::Route* const route = routes.add_routes();
    route->set_session_id(id);
    route->set_epoch(7);
    route->set_state(v1::HOLD);
  }
  return routes;
}

v1::Routes Part(uint64_t version, std::vector<std::string> ids, bool is_last) {
  v1::Routes routes = Message(version, std::move(ids));
  routes.set_snapshot(true);
  routes.set_last(is_last);
  return routes;
}

std::vector<RouteChange> Taken(RouteFeed& feed, const v1::Routes& routes) {
  auto changes = feed.Take(routes);
  EXPECT_TRUE(changes.ok()) << changes.status();
  return changes.ok() ? *changes : std::vector<RouteChange>{};
}

TEST(RouteFeed, PutsThePartsOfATableTogether) {
  RouteFeed feed;
  feed.Begin(3);
  EXPECT_TRUE(Taken(feed, Part(9, {"a", "b"}, false)).empty());
  EXPECT_FALSE(feed.has_routes());
  const auto changes = Taken(feed, Part(9, {"c"}, true));
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_TRUE(changes[0].replaces_all);
  EXPECT_EQ(changes[0].routes.size(), 3u);
  EXPECT_EQ(changes[0].version, (RouteVersion{3, 9}));
  EXPECT_EQ(feed.version(), (RouteVersion{3, 9}));
  EXPECT_TRUE(feed.has_routes());
}

TEST(RouteFeed, AChangeBetweenPartsFollowsTheTable) {
  RouteFeed feed;
  feed.Begin(3);
  EXPECT_TRUE(Taken(feed, Part(9, {"a"}, false)).empty());
  EXPECT_TRUE(Taken(feed, Message(10, {"z"})).empty());
  const auto changes = Taken(feed, Part(9, {"b"}, true));
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].version.version, 9u);
  EXPECT_EQ(changes[1].version.version, 10u);
  EXPECT_EQ(feed.version().version, 10u);
}

TEST(RouteFeed, AnUnfinishedTableDiesWithItsLink) {
  RouteFeed feed;
  feed.Begin(3);
  EXPECT_TRUE(Taken(feed, Part(9, {"a"}, false)).empty());
  feed.Begin(3);
  const auto changes = Taken(feed, Part(9, {"b"}, true));
  ASSERT_EQ(changes.size(), 1u);
  ASSERT_EQ(changes[0].routes.size(), 1u);
  EXPECT_EQ(changes[0].routes[0].session_id, "b");
}

TEST(RouteFeed, ResumesWithChangesUnderTheSameLeaderOnly) {
  RouteFeed feed;
  feed.Begin(3);
  EXPECT_FALSE(feed.Take(Message(1, {"a"})).ok());
  Taken(feed, Part(9, {"a"}, true));
  feed.Begin(3);
  EXPECT_EQ(Taken(feed, Message(10, {"b"})).size(), 1u);
  feed.Begin(4);
  EXPECT_EQ(feed.version(), (RouteVersion{4, 0}));
  EXPECT_TRUE(feed.has_routes());
  EXPECT_EQ(feed.Take(Message(11, {"c"})).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Taken(feed, Part(2, {"a"}, true)).size(), 1u);
}

TEST(RouteFeed, IgnoresOlderChangesAndRepeatsTheNewest) {
  RouteFeed feed;
  feed.Begin(3);
  Taken(feed, Part(9, {"a"}, true));
  EXPECT_TRUE(Taken(feed, Message(8, {"b"})).empty());
  EXPECT_EQ(Taken(feed, Message(9, {"b"})).size(), 1u);
  EXPECT_FALSE(feed.Take(Part(8, {}, true)).ok());
}

TEST(RouteFeed, LeavesOutRoutesThatCannotBeRead) {
  RouteFeed feed;
  feed.Begin(3);
  v1::Routes routes = Part(9, {"a", "NOT a label", "b", "c"}, true);
  routes.mutable_routes(2)->set_state(v1::OPEN);  // without an address
  routes.mutable_routes(3)->set_ip("localhost");
  const auto changes = Taken(feed, routes);
  ASSERT_EQ(changes.size(), 1u);
  ASSERT_EQ(changes[0].routes.size(), 1u);
  EXPECT_EQ(changes[0].routes[0].session_id, "a");
}

TEST(RouteFeed, ReadsEveryFieldOfARoute) {
  RouteFeed feed;
  feed.Begin(3);
  v1::Routes routes = Part(9, {"a", "b"}, true);
  v1::Route& full = *routes.mutable_routes(0);
  full.set_state(v1::ENDED);
  full.set_ip("fd00::1");
  full.set_port(8080);
  full.set_reason(v1::OOM_KILLED);
  full.set_message("out of memory");
  full.set_namespace_("team");
  full.set_phase(v1::PULLING);
  full.mutable_access()->set_mode(v1::PUBLIC);
  full.mutable_access()->set_path_prefix(v1::PATH_PREFIX_KEEP);
  full.mutable_hold_timeout()->set_seconds(7);
  full.set_protocol(v1::H2C);
  const auto changes = Taken(feed, routes);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].routes[0], (Route{.session_id = "a",
                                         .ns = "team",
                                         .epoch = 7,
                                         .state = RouteState::kEnded,
                                         .ip = "fd00::1",
                                         .port = 8080,
                                         .reason = "OOM_KILLED",
                                         .message = "out of memory",
                                         .phase = "PULLING",
                                         .token_required = false,
                                         .strip_prefix = false,
                                         .hold_timeout = absl::Seconds(7),
                                         .protocol = BackendProtocol::kH2c}));
  EXPECT_TRUE(changes[0].routes[1].token_required);
  EXPECT_TRUE(changes[0].routes[1].strip_prefix);
  EXPECT_EQ(changes[0].routes[1].protocol, BackendProtocol::kHttp1);
}

TEST(RouteFeed, RefusesARouteToABackendItCannotSpeakTo) {
  v1::Route route;
  route.set_session_id("a");
  route.set_state(v1::HOLD);
  EXPECT_TRUE(RouteFromProto(route).ok());
  route.set_protocol(static_cast<v1::BackendProtocol>(3));
  EXPECT_FALSE(RouteFromProto(route).ok());
}

TEST(RouteFeed, SkipsARevocationThatIsNobodys) {
  v1::Route route;
  route.set_session_id("a");
  route.set_state(v1::HOLD);
  route.add_revoked_users()->mutable_not_issued_before()->set_seconds(7);
  v1::UserRevocation& ada = *route.add_revoked_users();
  ada.set_user("ada");
  ada.mutable_not_issued_before()->set_seconds(9);
  const auto read = RouteFromProto(route);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->revoked_users.size(), 1u);
  EXPECT_EQ(read->revoked_users[0].not_issued_before, 9u);
}

}  // namespace
}  // namespace spawner::proxy
