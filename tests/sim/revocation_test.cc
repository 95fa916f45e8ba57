// Revocations while everything changes: controllers and proxies die, links are cut, sessions end
// and begin anew. What a Revoke has promised holds from then on, at every proxy that it did not
// name.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "gtest/gtest.h"
#include "tests/sim/world.h"

namespace spawner::sim {
namespace {

constexpr absl::Duration kTakeoverMax = absl::Seconds(15);

class Place {
 public:
  Place(uint64_t seed, int controllers, size_t proxies) : world(seed, controllers) {
    SetLogLevel(LogLevel::kError);
    for (int i = 0; i < controllers; ++i) world.StartController(i);
    for (size_t i = 0; i < proxies; ++i) world.StartProxy(i);
    world.RunFor(absl::Seconds(10));
  }

  absl::StatusOr<core::ConnectResult> Connect(const std::string& user) {
    Controller* leader = world.leader();
    if (leader == nullptr) return absl::UnavailableError("no leader");
    core::ConnectParams params;
    params.ns = kNamespace;
    params.key.name = "document";
    params.user = user;
    params.spec.emplace();
    params.spec->image = "app:1";
    params.spec->idle.never = true;
    params.spec->lifetime.retention = absl::Seconds(30);
    return Await<core::ConnectResult>(
        [&](auto done) { leader->engine.core().Connect(std::move(params), std::move(done)); });
  }
  absl::StatusOr<core::RevokeResult> Revoke(const SessionId& id, const std::string& grant,
                                            const std::string& user = "", bool all = false) {
    Controller* leader = world.leader();
    if (leader == nullptr) return absl::UnavailableError("no leader");
    return Await<core::RevokeResult>([&](auto done) {
      leader->engine.core().RevokeGrant({kNamespace, id, grant, user, all}, std::move(done));
    });
  }
  // Until it is done, whoever leads.
  void End(const SessionId& id) {
    const auto is_done = std::make_shared<bool>(false);
    Controller* leader = world.leader();
    if (leader == nullptr) return;
    leader->engine.core().Terminate(
        {.ns = kNamespace, .id = id},
        [is_done](const absl::StatusOr<SessionView>&) { *is_done = true; });
    world.RunUntil([is_done] { return *is_done; }, absl::Seconds(12));
  }
  bool AwaitLeader() {
    return world.RunUntil(
        [this] {
          Controller* leader = world.leader();
          if (leader == nullptr) return false;
          // Its core has heard of it, and of every pod.
          const core::CoreStatus status = leader->engine.core().GetStatus();
          return status.is_leader && status.is_synced;
        },
        kTakeoverMax + absl::Seconds(15));
  }
  // Null: it has no route, so nobody gets in.
  const route::Route* RouteAt(size_t proxy, const SessionId& id) {
    if (world.proxy(proxy) == nullptr) return nullptr;
    const auto found = world.proxy(proxy)->routes().find(id);
    return found == world.proxy(proxy)->routes().end() ? nullptr : &found->second;
  }

  World world;

 private:
  template <typename Result, typename Start>
  absl::StatusOr<Result> Await(Start start) {
    const auto answer = std::make_shared<std::optional<absl::StatusOr<Result>>>();
    start([answer](absl::StatusOr<Result> result) { *answer = std::move(result); });
    world.RunUntil([answer] { return answer->has_value(); }, absl::Seconds(15));
    if (!answer->has_value()) return absl::UnavailableError("its controller died");
    return **answer;
  }
};

bool Has(const route::Route& route, const std::string& grant) {
  return route.revoked.has_value() && absl::c_linear_search(route.revoked->grants, grant);
}

TEST(Revocation, IsAnsweredWhenTheProxiesHaveItAndNamesTheOnesThatMayNot) {
  Place place(1, 1, 3);
  const auto connected = place.Connect("ada");
  ASSERT_TRUE(connected.ok()) << connected.status();
  const SessionId id = connected->session.id;
  place.world.RunFor(absl::Seconds(2));
  Instant begin = place.world.clock.Now();
  auto revoked = place.Revoke(id, connected->grant_id);
  ASSERT_TRUE(revoked.ok()) << revoked.status();
  EXPECT_TRUE(revoked->pending_proxies.empty());
  EXPECT_LT(place.world.clock.Now() - begin, absl::Milliseconds(100));
  for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(Has(*place.RouteAt(i, id), connected->grant_id));

  // One is cut off, and its link is still up: 2 s are waited for it.
  place.world.Partition(1, true);
  begin = place.world.clock.Now();
  revoked = place.Revoke(id, "g2");
  ASSERT_TRUE(revoked.ok()) << revoked.status();
  EXPECT_EQ(revoked->pending_proxies, std::vector<std::string>{"proxy-1"});
  EXPECT_EQ(place.world.clock.Now() - begin, absl::Seconds(2));
  // Once its link is down nobody waits for it; it is named all the same.
  place.world.RunFor(absl::Seconds(10));
  begin = place.world.clock.Now();
  revoked = place.Revoke(id, "g3");
  ASSERT_TRUE(revoked.ok()) << revoked.status();
  EXPECT_EQ(revoked->pending_proxies, std::vector<std::string>{"proxy-1"});
  EXPECT_LT(place.world.clock.Now() - begin, absl::Milliseconds(100));
  EXPECT_FALSE(Has(*place.RouteAt(1, id), "g2"));
  // It learns of them as soon as it is back.
  place.world.Partition(1, false);
  EXPECT_TRUE(
      place.world.RunUntil([&] { return Has(*place.RouteAt(1, id), "g3"); }, absl::Seconds(2)));
  EXPECT_TRUE(Has(*place.RouteAt(1, id), "g2"));
}

TEST(Revocation, IsNotAnsweredBeforeItIsDurable) {
  Place place(2, 1, 1);
  const auto connected = place.Connect("ada");
  ASSERT_TRUE(connected.ok());
  const SessionId id = connected->session.id;
  place.world.on_request =
      [](const kube::HttpRequest& request) -> std::optional<local::LocalKubernetes::Fault> {
    if (request.method != "PATCH") return std::nullopt;
    return local::LocalKubernetes::Fault{.code = 503};
  };
  const auto revoked = place.Revoke(id, "g1");
  EXPECT_EQ(ReasonOf(revoked.status()), "KUBERNETES_UNREACHABLE") << revoked.status();
  EXPECT_FALSE(Has(*place.RouteAt(0, id), "g1"));
  place.world.on_request = nullptr;
  EXPECT_TRUE(place.Revoke(id, "g1").ok());
}

TEST(Revocation, IsRestoredFromTheLivePodByEachNewController) {
  Place place(3, 1, 2);
  const auto connected = place.Connect("ada");
  ASSERT_TRUE(connected.ok());
  const SessionId id = connected->session.id;
  ASSERT_TRUE(place.Revoke(id, connected->grant_id).ok());
  ASSERT_TRUE(place.Revoke(id, "", "ben").ok());
  for (size_t i = 0; i < 2; ++i) place.world.KillProxy(i);
  place.world.KillController(0);
  place.world.RunFor(absl::Seconds(3));
  place.world.StartController(0);
  for (size_t i = 0; i < 2; ++i) place.world.StartProxy(i);
  ASSERT_TRUE(place.AwaitLeader());
  ASSERT_TRUE(place.world.RunUntil(
      [&] { return place.RouteAt(0, id) != nullptr && place.RouteAt(1, id) != nullptr; },
      kTakeoverMax));
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(Has(*place.RouteAt(i, id), connected->grant_id));
    EXPECT_EQ(place.RouteAt(i, id)->revoked->users.at(0).first, "ben");
  }
  // And a grant of his that comes later is not taken back by it.
  const auto again = place.Connect("ben");
  ASSERT_TRUE(again.ok());
  EXPECT_GE(again->issue_not_before, place.RouteAt(0, id)->revoked->users.at(0).second);
}

TEST(Revocation, OutlivesTheSessionItsRetentionAndTheControllerUntilTheNextIncarnation) {
  Place place(4, 1, 2);
  const auto connected = place.Connect("ada");
  ASSERT_TRUE(connected.ok());
  const SessionId id = connected->session.id;
  ASSERT_TRUE(place.Revoke(id, connected->grant_id).ok());
  place.End(id);
  // Taken back after the end as well: the finished pod remembers it.
  place.world.RunFor(absl::Seconds(15));
  ASSERT_TRUE(place.Revoke(id, "", "", true).ok());
  place.world.RunFor(absl::Hours(1));  // its retention was 30 s
  place.world.KillController(0);
  place.world.StartController(0);
  ASSERT_TRUE(place.AwaitLeader());
  const auto next = place.Connect("ada");
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_TRUE(next->created);
  EXPECT_EQ(next->session.id, id);
  place.world.RunFor(absl::Seconds(2));
  for (size_t i = 0; i < 2; ++i) {
    ASSERT_NE(place.RouteAt(i, id), nullptr);
    EXPECT_EQ(place.RouteAt(i, id)->epoch, next->session.epoch);
    EXPECT_TRUE(place.RouteAt(i, id)->revoked->not_issued_before.has_value());
  }
  // The former pod's record goes at its time now: the new one has them.
  place.world.RunFor(absl::Minutes(5));
  EXPECT_EQ(place.world.kubernetes.store().Find(
                {local::Resource::kPods, kNamespace,
                 absl::StrCat(id.value, "-", connected->session.epoch.leadership(), "-",
                              static_cast<uint32_t>(connected->session.epoch.value))}),
            nullptr);
  place.world.KillController(0);
  place.world.StartController(0);
  ASSERT_TRUE(place.AwaitLeader());
  place.world.RunFor(absl::Seconds(5));
  EXPECT_TRUE(place.RouteAt(0, id)->revoked->not_issued_before.has_value());
}

TEST(OneTimeTokens, AreGoodOnceOverAllProxiesAndInTheirOwnTermOnly) {
  Place place(5, 2, 2);
  const auto connected = place.Connect("ada");
  ASSERT_TRUE(connected.ok());
  const SessionId id = connected->session.id;
  const auto use = [&](size_t proxy, const std::string& grant, uint32_t term,
                       absl::Duration life = absl::Seconds(60)) {
    SimProxy& asking = *place.world.proxy(proxy);
    const uint64_t question = asking.UseToken(id, grant, place.world.clock.WallNow() + life, term);
    place.world.RunFor(absl::Milliseconds(100));
    return asking.use_answers.count(question) > 0 && asking.use_answers[question];
  };
  const uint32_t term = connected->leadership;
  EXPECT_TRUE(use(0, "g1", term));
  EXPECT_FALSE(use(0, "g1", term));
  EXPECT_FALSE(use(1, "g1", term));
  EXPECT_TRUE(use(1, "g2", term));
  EXPECT_FALSE(use(1, "g3", term - 1));
  EXPECT_FALSE(use(1, "g3", term + 1));
  EXPECT_FALSE(use(1, "g3", 0));
  EXPECT_FALSE(use(1, "g3", term, absl::Hours(1)));
  // By the leader's clock, whatever a proxy takes the time for.
  EXPECT_FALSE(use(1, "g3", term, absl::ZeroDuration()));
  EXPECT_FALSE(use(1, "g3", term, -absl::Seconds(1)));
  // As long as it may live it is remembered.
  place.world.RunFor(absl::Seconds(61));
  EXPECT_FALSE(use(0, "g1", term));

  // Another leads: it has not seen what came before, so none of those is good.
  for (size_t i = 0; i < 2; ++i) {
    if (place.world.controller(i) != place.world.leader()) continue;
    place.world.KillController(i);
    break;
  }
  ASSERT_TRUE(place.AwaitLeader());
  place.world.RunFor(absl::Seconds(5));
  EXPECT_FALSE(use(0, "g2", term));
  EXPECT_FALSE(use(0, "g4", term));
  const auto again = place.Connect("ada");
  ASSERT_TRUE(again.ok());
  EXPECT_GT(again->leadership, term);
  EXPECT_TRUE(use(0, "g4", again->leadership));
  EXPECT_FALSE(use(1, "g4", again->leadership));
}

// One run from one seed.
class Storm {
 public:
  explicit Storm(uint64_t seed) : place(seed, 2, 3) {}

  void Run() {
    if (const auto first = place.Connect("ada"); first.ok()) id = first->session.id;
    ASSERT_FALSE(id.value.empty());
    for (int step = 0; step < 12; ++step) {
      Disturb();
      if (world().random.Below(3) > 0) Revoke(absl::StrCat("g", step));
    }
    Heal();
    Check("after the storm");
    place.End(id);
    world().RunFor(absl::Seconds(world().random.Below(120)));
    world().KillController(0);
    world().StartController(0);
    ASSERT_TRUE(place.AwaitLeader());
    for (int i = 0; i < 3 && !place.Connect("ada").ok(); ++i) world().RunFor(absl::Seconds(2));
    world().RunFor(absl::Seconds(10));
    Check("in the next incarnation");
  }

  int promised() const { return static_cast<int>(granted.size()); }

 private:
  World& world() { return place.world; }

  void Revoke(const std::string& grant) {
    const auto result = place.Revoke(id, grant);
    if (!result.ok()) return;  // it may hold or not: nothing was promised
    granted.insert(grant);
    for (size_t i = 0; i < world().proxies(); ++i) {
      const auto& pending = result->pending_proxies;
      const bool is_named = std::count(pending.begin(), pending.end(), absl::StrCat("proxy-", i));
      const route::Route* route = place.RouteAt(i, id);
      if (!is_named && route != nullptr) {
        EXPECT_TRUE(Has(*route, grant)) << "proxy-" << i << " was not named and lacks " << grant;
      }
    }
  }
  void Disturb() {
    world().delay_max = absl::Milliseconds(world().random.Below(30));
    const size_t proxy = world().random.Below(3);
    const size_t controller = world().random.Below(2);
    switch (world().random.Below(7)) {
      case 0:
        if (world().controller(controller) != nullptr) world().KillController(controller);
        break;
      case 1:
        if (world().controller(controller) == nullptr) world().StartController(controller);
        break;
      case 2:
        world().Partition(proxy, !world().IsCut(proxy));
        break;
      case 3:
        if (world().proxy(proxy) != nullptr) world().KillProxy(proxy);
        break;
      case 4:
        if (world().proxy(proxy) == nullptr) world().StartProxy(proxy);
        break;
      case 5:
        place.End(id);
        break;
      case 6:
        place.Connect("ada").IgnoreError();
        break;
    }
    world().RunFor(absl::Milliseconds(world().random.Below(8000)));
  }
  void Heal() {
    for (size_t i = 0; i < 2; ++i) {
      if (world().controller(i) == nullptr) world().StartController(i);
    }
    for (size_t i = 0; i < 3; ++i) {
      world().Partition(i, false);
      if (world().proxy(i) == nullptr) world().StartProxy(i);
    }
    world().RunFor(absl::Seconds(30));
  }
  void Check(const char* when) {
    for (size_t i = 0; i < 3; ++i) {
      const route::Route* route = place.RouteAt(i, id);
      if (route == nullptr) continue;
      for (const std::string& grant : granted) {
        EXPECT_TRUE(Has(*route, grant)) << "proxy-" << i << " lacks " << grant << " " << when;
      }
    }
  }

  Place place;
  SessionId id;
  std::set<std::string> granted;
};

TEST(Revocation, HoldsFromAnySeed) {
  constexpr uint64_t kSeeds = 40;
  int promised = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Storm storm(seed);
    storm.Run();
    promised += storm.promised();
    if (testing::Test::HasFailure()) break;
  }
  EXPECT_GT(promised, 80);
  RecordProperty("revocations", promised);
}

}  // namespace
}  // namespace spawner::sim
