// What a new leader knows of the time before it: who was used, who may still be, and by which
// proxy.
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "gtest/gtest.h"
#include "tests/sim/world.h"

namespace spawner::sim {
namespace {

constexpr absl::Duration kGrace = absl::Seconds(5);
constexpr absl::Duration kInitialGrace = absl::Minutes(2);
// From nobody leads to everybody follows: the lease, the election, the dial.
constexpr absl::Duration kTakeoverMax = absl::Seconds(15);

class Place {
 public:
  Place(uint64_t seed, int controllers, size_t proxies) : world(seed, controllers) {
    SetLogLevel(LogLevel::kError);
    world.on_request = [this](const kube::HttpRequest& request) { return OnRequest(request); };
    world.on_served = [this](const SessionId& id, Epoch epoch) { served.insert(id); };
    for (int i = 0; i < controllers; ++i) world.StartController(i);
    for (size_t i = 0; i < proxies; ++i) world.StartProxy(i);
    world.RunFor(absl::Seconds(10));
  }

  // A session that is ready; empty if there is no leader to ask.
  SessionId Connect(const std::string& key) {
    Controller* leader = world.leader();
    if (leader == nullptr) return {};
    core::ConnectParams params;
    params.ns = kNamespace;
    params.key.name = key;
    params.spec.emplace();
    params.spec->image = "app:1";
    params.spec->idle.grace = kGrace;
    params.spec->idle.initial_grace = kInitialGrace;
    params.spec->lifetime.retention = absl::Minutes(10);
    params.wait_until_ready = true;
    const auto id = std::make_shared<SessionId>();
    leader->engine.core().Connect(std::move(params),
                                  [id](absl::StatusOr<core::ConnectResult> result) {
                                    if (result.ok()) *id = result->session.id;
                                  });
    world.RunUntil([id] { return !id->value.empty(); }, absl::Seconds(12));
    return *id;
  }

  std::optional<SessionView> Get(const SessionId& id) {
    Controller* leader = world.leader();
    if (leader == nullptr) return std::nullopt;
    const auto view = leader->engine.core().Get(kNamespace, id, Epoch{});
    return view.ok() ? std::optional(*view) : std::nullopt;
  }
  bool IsIdleEnded(const SessionId& id) {
    const auto view = Get(id);
    return view.has_value() && view->state >= SessionState::kTerminating;
  }
  bool IsReady(const SessionId& id) {
    const auto view = Get(id);
    return view.has_value() && view->state == SessionState::kReady;
  }
  bool AwaitLeader(absl::Duration within) {
    return world.RunUntil([this] { return world.leader() != nullptr; }, within);
  }

  World world;
  std::set<SessionId> served;
  Instant lists_fail_until;
  Instant lease_fails_until;

 private:
  std::optional<local::LocalKubernetes::Fault> OnRequest(const kube::HttpRequest& request) {
    const Instant now = world.clock.Now();
    const bool is_list = request.method == "GET" && absl::StrContains(request.path, "/pods?");
    const bool is_lease = request.method == "PUT" && absl::StrContains(request.path, "/leases/");
    if ((is_list && now < lists_fail_until) || (is_lease && now < lease_fails_until)) {
      return local::LocalKubernetes::Fault{.code = 503};
    }
    return std::nullopt;
  }
};

TEST(Takeover, AUserWhoLeftWhileNobodyLedWasAUser) {
  Place place(3, 1, 2);
  const SessionId used = place.Connect("used");
  const SessionId unused = place.Connect("unused");
  ASSERT_FALSE(used.value.empty() || unused.value.empty());
  place.world.proxy(1)->Request(used);
  place.world.RunFor(absl::Seconds(20));
  place.world.KillController(0);
  place.world.RunFor(absl::Seconds(1));
  place.world.proxy(1)->Leave(used);
  // It leads, and hears the proxies, before it knows any pod.
  place.lists_fail_until = place.world.clock.Now() + absl::Seconds(12);
  place.world.StartController(0);
  ASSERT_TRUE(place.AwaitLeader(kTakeoverMax));
  ASSERT_TRUE(place.world.RunUntil([&] { return place.IsReady(used); }, absl::Seconds(30)));
  const Instant taken_over = place.world.clock.Now();
  ASSERT_TRUE(place.world.RunUntil([&] { return place.IsIdleEnded(used); }, absl::Minutes(3)));
  EXPECT_GE(place.world.clock.Now() - taken_over, kGrace - absl::Seconds(1));
  EXPECT_LE(place.world.clock.Now() - taken_over, kGrace + absl::Seconds(1));
  EXPECT_TRUE(place.IsReady(unused)) << "initial_grace is its own";
  ASSERT_TRUE(place.world.RunUntil([&] { return place.IsIdleEnded(unused); }, absl::Minutes(3)));
  EXPECT_GE(place.world.clock.Now() - taken_over, kInitialGrace - absl::Seconds(1));
}

TEST(Takeover, ASecondIncarnationIsNotTakenForUsedByTheFirstOnesUsers) {
  Place place(4, 1, 2);
  const SessionId id = place.Connect("doc");
  place.world.proxy(0)->Request(id);
  place.world.RunFor(absl::Seconds(3));
  place.world.proxy(0)->Leave(id);
  ASSERT_TRUE(place.world.RunUntil([&] { return place.IsIdleEnded(id); }, absl::Seconds(20)));
  ASSERT_EQ(place.Connect("doc"), id);
  place.world.RunFor(kInitialGrace - absl::Seconds(10));
  EXPECT_TRUE(place.IsReady(id));
  ASSERT_TRUE(place.world.RunUntil([&] { return place.IsIdleEnded(id); }, absl::Seconds(20)));
}

// Users of a proxy that could not be heard were there until it died, for all we know: they get a
// whole grace to come back by another.
TEST(Takeover, GraceRunsAnewOnceALostProxyIsAccountedFor) {
  Place place(5, 1, 2);
  const SessionId id = place.Connect("doc");
  place.world.proxy(1)->Request(id);
  place.world.RunFor(absl::Seconds(1));
  place.world.proxy(1)->Leave(id);
  place.world.Partition(0, true);
  place.world.proxy(0)->Request(id);  // nobody hears of it
  place.world.RunFor(absl::Minutes(1));
  ASSERT_EQ(place.world.Open(id), 1);
  place.world.KillProxy(0);
  const Instant died = place.world.clock.Now();
  place.world.Partition(0, false);
  place.world.StartProxy(0);
  ASSERT_TRUE(place.world.RunUntil([&] { return place.IsIdleEnded(id); }, absl::Minutes(1)));
  EXPECT_GE(place.world.clock.Now() - died, kGrace);
  EXPECT_LE(place.world.clock.Now() - died, kGrace + absl::Seconds(2));
}

// A proxy that serves is known to every later leader, or else it could be forgotten with its users.
TEST(Takeover, AProxyServesNobodyBeforeTheNextLeaderWouldKnowOfIt) {
  Place place(6, 2, 1);
  const SessionId id = place.Connect("doc");
  ASSERT_FALSE(id.value.empty());
  Controller* const first = place.world.leader();
  place.lease_fails_until = place.world.clock.Now() + absl::Minutes(10);
  place.world.StartProxy(1);
  // As long as it leads, and as its successor can't: the proxy waits.
  while (place.world.leader() == first) {
    place.world.RunFor(absl::Milliseconds(100));
    ASSERT_TRUE(place.world.proxy(1)->routes().empty());
  }
  place.lease_fails_until = Instant{};
  ASSERT_TRUE(place.world.RunUntil([&] { return place.world.proxy(1)->routes().count(id) > 0; },
                                   absl::Seconds(30)));
  place.world.proxy(1)->Request(id);
  ASSERT_EQ(place.world.Open(id), 1);
  place.world.Partition(1, true);
  for (size_t i = 0; i < 2; ++i) {
    if (place.world.controller(i) != place.world.leader()) continue;
    place.world.KillController(i);
    break;
  }
  place.world.RunFor(absl::Minutes(5));
  EXPECT_TRUE(place.IsReady(id)) << "the new leader knew of the lost proxy";
  EXPECT_EQ(place.world.Open(id), 1);
}

// Leaders come and go, links break, lists fail; nothing that was used is taken for unused, and
// nothing unused for used. Then the ends come when they should.
class Seeded {
 public:
  explicit Seeded(uint64_t seed) : place_(seed, 2, kProxies), random_(seed ^ 0x7a4e) {}

  void Run() {
    for (int key = 0; key < 4; ++key) {
      ids_.insert(place_.Connect(absl::StrCat("key-", key)));
    }
    ids_.erase(SessionId{});
    ASSERT_FALSE(ids_.empty());
    const SessionId never = *ids_.begin();
    for (int step = 0; step < 12; ++step) {
      for (const SessionId& id : ids_) {
        if (id != never) Use(id);
      }
      Disturb();
      place_.world.RunFor(absl::Milliseconds(random_.Below(2500)));
    }
    // Nobody leads when the last ones go.
    for (size_t i = 0; i < 2; ++i) Kill(i);
    place_.world.RunFor(absl::Milliseconds(random_.Below(3000)));
    for (const SessionId& id : ids_) LeaveAll(id);
    place_.lists_fail_until = place_.world.clock.Now() + absl::Milliseconds(random_.Below(9000));
    for (size_t i = 0; i < kProxies; ++i) place_.world.Partition(i, false);
    for (size_t i = 0; i < 2; ++i) place_.world.StartController(i);
    const absl::Duration until_known = kTakeoverMax + absl::Seconds(15);  // with the lists
    place_.world.RunFor(until_known + kGrace);
    for (const SessionId& id : ids_) {
      const bool was_served = place_.served.count(id) > 0;
      EXPECT_EQ(place_.IsIdleEnded(id), was_served) << id.value;
    }
    EXPECT_FALSE(place_.IsIdleEnded(never));
  }

 private:
  static constexpr size_t kProxies = 3;

  void Use(const SessionId& id) {
    SimProxy& proxy = *place_.world.proxy(random_.Below(kProxies));
    if (random_.OneIn(2)) proxy.Request(id);
    if (random_.OneIn(3)) proxy.Leave(id);
  }
  void LeaveAll(const SessionId& id) {
    for (size_t i = 0; i < kProxies; ++i) {
      while (place_.world.proxy(i)->Leave(id)) {
      }
    }
  }
  void Kill(size_t index) {
    if (place_.world.controller(index) != nullptr) place_.world.KillController(index);
  }
  void Disturb() {
    const size_t proxy = random_.Below(kProxies);
    const size_t controller = random_.Below(2);
    switch (random_.Below(6)) {
      case 0:
        return Kill(controller);
      case 1:
        if (place_.world.controller(controller) == nullptr)
          place_.world.StartController(controller);
        return;
      case 2:
        return place_.world.Partition(proxy, !place_.world.IsCut(proxy));
      case 3:
        return place_.world.BreakLink(proxy);
      case 4:
        place_.world.delay_max = absl::Milliseconds(random_.Below(300));
        return;
      default:
        place_.lists_fail_until = place_.world.clock.Now() + absl::Seconds(3);
    }
  }

  Place place_;
  SeededRandom random_;
  std::set<SessionId> ids_;
};

TEST(Takeover, KnowsWhoWasUsedInEverySeed) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Seeded(seed).Run();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace spawner::sim
