#include "controller/core/links.h"

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "controller/core/limits.h"
#include "controller/route/limits.h"
#include "controller/route/roster.h"
#include "gtest/gtest.h"

namespace spawner::core {
namespace {

class Peer final : public ProxyPeer {
 public:
  void Send(route::ToProxy message) override { got.push_back(std::move(message)); }
  void Close(const absl::Status& status) override { closed = status; }

  template <typename T>
  std::vector<T> Of() const {
    std::vector<T> found;
    for (const route::ToProxy& message : got) {
      if (const T* one = std::get_if<T>(&message)) found.push_back(*one);
    }
    return found;
  }
  bool is_admitted() const { return !Of<route::Welcome>().empty(); }

  std::vector<route::ToProxy> got;
  absl::Status closed;
};

class LinksTest : public testing::Test {
 protected:
  LinksTest() {
    log_.Reset(7);
    registry_.BeginTerm(7);
    links_.SetLeadership({.is_leader = true, .number = 7, .leader_id = "me"}, now_);
  }
  // What the core does before it lets a proxy in.
  void TakeOver() {
    links_.SetRoutesComplete();
    SaveRoster();
  }
  void SaveRoster() {
    if (const auto roster = links_.RosterToSave()) links_.OnRosterSaved(*roster);
  }
  uint64_t Put(const std::string& session) {
    route::Route route;
    route.session = {session};
    route.epoch = {1};
    return log_.Put(route);
  }
  static route::Hello Hello(const std::string& id = "a", uint32_t leadership = 0,
                            uint64_t version = 0) {
    route::Hello hello;
    hello.proxy_id = id;
    hello.generation = 1;
    hello.leadership = leadership;
    hello.route_version = version;
    return hello;
  }
  Links::LinkId Open(Peer& peer, route::Hello hello = Hello()) {
    const Links::LinkId id = links_.Open(&peer, now_);
    links_.OnMessage(id, std::move(hello), now_);
    return id;
  }
  void Step() { links_.Step(now_); }

  Instant now_{1'000'000'000'000};
  route::RouteLog log_;
  route::ProxyRegistry registry_{absl::Minutes(10)};
  Links links_{log_, registry_};
  Peer peer_;
};

TEST_F(LinksTest, AProxyGetsAWelcomeThenAllRoutesThenWhatChanges) {
  Put("x");
  Open(peer_);
  TakeOver();
  Step();
  ASSERT_EQ(peer_.got.size(), 2u);
  EXPECT_EQ(std::get<route::Welcome>(peer_.got[0]).leadership, 7u);
  EXPECT_TRUE(std::get<route::Routes>(peer_.got[1]).is_snapshot);
  Step();
  EXPECT_EQ(peer_.got.size(), 2u) << "nothing is said twice";
  Put("y");
  Step();
  const auto routes = peer_.Of<route::Routes>();
  ASSERT_EQ(routes.size(), 2u);
  EXPECT_FALSE(routes[1].is_snapshot);
  EXPECT_EQ(routes[1].routes[0].session.value, "y");
}

TEST_F(LinksTest, AProxyOfThisTermResumesWhereItWas) {
  const uint64_t version = Put("x");
  Put("y");
  Open(peer_, Hello("a", 7, version));
  TakeOver();
  Step();
  const auto routes = peer_.Of<route::Routes>();
  ASSERT_EQ(routes.size(), 1u);
  EXPECT_FALSE(routes[0].is_snapshot);
  ASSERT_EQ(routes[0].routes.size(), 1u);
  EXPECT_EQ(routes[0].routes[0].session.value, "y");
}

// The next leader has to know of everybody who may serve.
TEST_F(LinksTest, NobodyIsAdmittedBeforeTheRosterWithItIsDurable) {
  links_.SetRoutesComplete();
  Open(peer_);
  const auto roster = links_.RosterToSave();
  ASSERT_TRUE(roster.has_value());
  EXPECT_EQ(route::DecodeRoster(*roster)->at(0).id, "a");
  for (int second = 0; second < 60; ++second) {
    Step();
    EXPECT_FALSE(peer_.is_admitted()) << second;
    EXPECT_EQ(registry_.IsAcked(1), true) << "nobody waits for it either";
    now_ = now_ + absl::Seconds(1);
    for (const auto& listed : registry_.List(now_)) EXPECT_EQ(listed.acked, 0u);
    registry_.OnHeartbeat(1, now_);
  }
  links_.OnRosterSaved("what was saved before it came");
  Step();
  EXPECT_FALSE(peer_.is_admitted());
  links_.OnRosterSaved(*roster);
  EXPECT_EQ(links_.RosterToSave(), std::nullopt);
  Step();
  EXPECT_TRUE(peer_.is_admitted());
}

TEST_F(LinksTest, NobodyIsAdmittedBeforeEveryRouteIsKnown) {
  Open(peer_);
  SaveRoster();
  Step();
  EXPECT_FALSE(peer_.is_admitted());
  links_.SetRoutesComplete();
  Step();
  EXPECT_TRUE(peer_.is_admitted());
}

TEST_F(LinksTest, TheRosterOfTheLeaseNeedsNoWriteForAProxyThatIsInIt) {
  Leadership next = {.is_leader = true, .number = 8, .leader_id = "me"};
  next.roster = route::EncodeRoster({{"a", 1, "", "", ""}});
  links_.SetLeadership(next, now_);
  registry_.BeginTerm(8);
  registry_.LoadRoster(*route::DecodeRoster(next.roster), now_);
  EXPECT_EQ(links_.RosterToSave(), std::nullopt);
  links_.SetRoutesComplete();
  Open(peer_);
  Step();
  EXPECT_TRUE(peer_.is_admitted());
}

TEST_F(LinksTest, WhoDoesNotLeadNamesTheLeader) {
  TakeOver();
  Open(peer_);
  Step();
  links_.SetLeadership({.is_leader = false, .number = 9, .leader_address = "10.0.0.9:9090"}, now_);
  ASSERT_EQ(peer_.Of<route::NotLeader>().size(), 1u);
  EXPECT_EQ(peer_.Of<route::NotLeader>()[0].leader_address, "10.0.0.9:9090");
  Peer late;
  Open(late);
  EXPECT_EQ(late.Of<route::NotLeader>().size(), 1u);
  const size_t said = peer_.got.size();
  now_ = now_ + absl::Seconds(2);
  Step();
  EXPECT_EQ(peer_.got.size(), said) << "nothing follows";
}

// Out of office for a moment: what is published stays, and so do the links.
TEST_F(LinksTest, ALeaderWhoseLeaseRanOutKeepsItsLinks) {
  TakeOver();
  Open(peer_);
  SaveRoster();
  Step();
  links_.SetLeadership({.is_leader = false, .number = 7}, now_);
  Put("x");
  now_ = now_ + absl::Seconds(1);
  Step();
  EXPECT_TRUE(peer_.Of<route::NotLeader>().empty());
  EXPECT_TRUE(peer_.Of<route::Routes>().empty() || peer_.Of<route::Routes>().back().routes.empty());
  EXPECT_TRUE(std::holds_alternative<route::ControllerHeartbeat>(peer_.got.back()));
}

TEST_F(LinksTest, AProxyThatFollowedALaterLeaderIsNotLedByThisOne) {
  TakeOver();
  Open(peer_, Hello("a", 8, 3));
  EXPECT_EQ(links_.leadership_seen(), 8u);
  EXPECT_EQ(peer_.Of<route::NotLeader>().size(), 1u);
  EXPECT_TRUE(registry_.List(now_).empty());
}

TEST_F(LinksTest, EndsLinksThatBreakTheProtocol) {
  Peer mute;
  links_.OnMessage(links_.Open(&mute, now_), route::ProxyHeartbeat{1}, now_);
  EXPECT_EQ(mute.closed.code(), absl::StatusCode::kInvalidArgument);
  const auto id = Open(peer_);
  links_.OnMessage(id, Hello(), now_);
  EXPECT_EQ(peer_.closed.code(), absl::StatusCode::kInvalidArgument);
  Peer eager;
  const auto other = Open(eager, Hello("b"));
  links_.OnMessage(other, route::Ack{7, 99, {}}, now_);
  EXPECT_EQ(eager.closed.code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(LinksTest, EndsLinksThatFallSilentOrNeverSayHello) {
  TakeOver();
  Open(peer_);
  SaveRoster();
  Peer mute;
  links_.Open(&mute, now_);
  now_ = now_ + std::max(kHelloWaitMax, route::kSilenceMax);
  EXPECT_LE(links_.NextWake(), now_);
  Step();
  EXPECT_EQ(peer_.closed.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(mute.closed.code(), absl::StatusCode::kDeadlineExceeded);
  ASSERT_EQ(registry_.List(now_).size(), 1u);
  EXPECT_FALSE(registry_.List(now_)[0].is_connected) << "lost, not forgotten";
}

TEST_F(LinksTest, AProxyThatDialsAgainReplacesItsOwnLink) {
  TakeOver();
  Open(peer_);
  SaveRoster();
  Step();
  Peer again;
  Open(again);
  EXPECT_EQ(peer_.closed.code(), absl::StatusCode::kAborted);
  Step();
  EXPECT_TRUE(again.is_admitted());
  EXPECT_TRUE(registry_.List(now_)[0].is_connected);
}

TEST_F(LinksTest, AnswersAQueryAfterTheRoutesThatAreNewer) {
  TakeOver();
  const auto id = Open(peer_);
  SaveRoster();
  Step();
  links_.OnMessage(id, route::Query{{"nobody"}}, now_);
  EXPECT_EQ(peer_.Of<route::RouteUnknown>().size(), 1u);
  const uint64_t version = Put("x");
  links_.OnMessage(id, route::Query{{"x"}}, now_);
  EXPECT_EQ(peer_.Of<route::Routes>().back().version, version);
  EXPECT_EQ(peer_.Of<route::Routes>().back().routes[0].session.value, "x");
}

TEST_F(LinksTest, RefusesMoreThanItsBound) {
  std::vector<std::unique_ptr<Peer>> peers;
  for (size_t i = 0; i <= kLinksMax; ++i) {
    peers.push_back(std::make_unique<Peer>());
    links_.Open(peers.back().get(), now_);
  }
  EXPECT_TRUE(peers[kLinksMax - 1]->closed.ok());
  EXPECT_EQ(peers[kLinksMax]->closed.code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace spawner::core
