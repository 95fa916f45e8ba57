// Goal: a user who comes just when a session is about to end as idle gets in, or is told the truth:
// never a dead URL, never a cut connection. Method: races of a newcomer against the gate, the
// counts and the write of an idle end, in worlds of 25 sessions and three proxies; links delay, the
// last user's leaving may be told late, and the newcomer's instant is drawn around the deadline. A
// newcomer either has an old URL only, or comes with the answer of a Connect.
//   SPAWNER_SIM_SEED=N replays one seed, SPAWNER_SIM_SEEDS=N runs the first N: 20 are 10,000 races.
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/sim/scene.h"

namespace spawner::sim {
namespace {

constexpr size_t kProxies = 3;
constexpr int kSessions = 25;
constexpr int kRounds = 20;
constexpr uint64_t kSeeds = 4;  // of 500 races: some 40 s unoptimised
constexpr absl::Duration kGrace = absl::Milliseconds(1500);
constexpr absl::Duration kStay = absl::Milliseconds(2500);  // more than an end would take
constexpr absl::Duration kPatience = absl::Seconds(20);     // with what has to be answered

struct Counts {
  int connection_won = 0;
  int next_incarnation =
      0;                   // the end won, and whoever waited at the gate or connected got the next
  int end_won = 0;         // 410, after the end was durable
  int refused_drains = 0;  // of connection_won: the gate was closed already

  int total() const { return connection_won + next_incarnation + end_won; }
};

class Races {
 public:
  Races(uint64_t seed, Counts& counts)
      : random_(seed ^ 0xace), counts_(counts), scene_(seed, 1, kProxies) {
    scene_.spec.idle.grace = kGrace;
    scene_.spec.idle.initial_grace = absl::Seconds(60);
    scene_.spec.lifetime.retention = absl::Seconds(2);
    delay_ = absl::Milliseconds(random_.OneIn(4) ? 0 : random_.Below(30));
    scene_.world.delay_max = delay_;
    is_lazy_ = seed % 2 == 0;
    for (size_t i = 0; i < kProxies; ++i) scene_.world.proxy(i)->is_lazy = is_lazy_;
    local::PodScript script;
    script.stop_after = absl::Milliseconds(random_.Below(1500));
    script.start_after = absl::Milliseconds(random_.Below(300));
    scene_.world.runtime.SetScript("app:1", script);
    scene_.on_write = [this](const kube::HttpRequest& request) {
      OnWrite(request);
      return Scene::Fault();
    };
    scene_.world.on_served = [this](const SessionId& id, Epoch epoch) { served_[id] = epoch; };
    scene_.world.on_decided = [this](const SessionId& id, SimProxy::Fate fate) {
      OnDecided(id, fate);
    };
  }

  void Run() {
    for (int round = 0; round < kRounds && !testing::Test::HasFailure(); ++round) {
      Begin();
      RunUntilDone();
      End();
    }
  }

 private:
  // One newcomer to one session.
  struct Race {
    std::string key;
    SessionId id;
    Epoch epoch;
    size_t proxy = 0;
    bool connects = false;  // else: an old URL
    bool is_short = false;  // leaves at once
    bool has_come = false;
    bool came_at_gate = false;
    bool is_decided = false;
    Epoch served_by;  // none: 410
  };
  using Action = std::function<void()>;

  void At(Instant when, Action action) { actions_.emplace(when, std::move(action)); }

  bool IsDue() { return !actions_.empty() && actions_.begin()->first <= scene_.world.clock.Now(); }

  void RunUntilDone() {
    while (races_left_ > 0 && !testing::Test::HasFailure()) {
      const Instant next =
          actions_.empty() ? scene_.world.clock.Now() + kPatience : actions_.begin()->first;
      scene_.world.RunUntil([this] { return IsDue(); },
                            std::max(absl::ZeroDuration(), next - scene_.world.clock.Now()));
      ASSERT_TRUE(IsDue()) << races_left_ << " newcomers are not answered";
      const Action action = std::move(actions_.begin()->second);
      actions_.erase(actions_.begin());
      action();
    }
  }

  // Everybody's session is there, used once and left; the newcomers' instants are drawn.
  void Begin() {
    races_.clear();
    for (int i = 0; i < kSessions; ++i) {
      Race race;
      race.key = absl::StrCat("key-", i);
      const auto result = scene_.Connect(scene_.Ask(race.key));
      ASSERT_TRUE(result.ok()) << result.status();
      race.id = result->session.id;
      race.epoch = result->session.epoch;
      race.proxy = random_.Below(kProxies);
      race.connects = random_.OneIn(2);
      race.is_short = random_.OneIn(3);
      races_[race.id] = race;
      ++races_left_;
      const size_t first = random_.Below(kProxies);
      scene_.world.proxy(first)->Request(race.id);
      At(scene_.world.clock.Now() + absl::Microseconds(1 + random_.Below(400'000)),
         [this, id = race.id, first] { Leave(id, first); });
    }
  }

  void Leave(const SessionId& id, size_t proxy) {
    EXPECT_TRUE(scene_.world.proxy(proxy)->Leave(id));
    const absl::Duration told = absl::Milliseconds(is_lazy_ ? 1001 : 1) + delay_;
    At(scene_.world.clock.Now() + told, [this, id] { Draw(id); });
  }

  void Draw(const SessionId& id) {
    const auto view = scene_.Get(id, races_[id].epoch);
    ASSERT_TRUE(view.has_value() && view->idle_deadline.has_value()) << id.value;
    const absl::Duration left = *view->idle_deadline - scene_.world.clock.WallNow();
    const int64_t window_us = absl::ToInt64Microseconds(2 * absl::Milliseconds(3) + 6 * delay_);
    const absl::Duration offset =
        absl::Microseconds(random_.Below(window_us)) - absl::Milliseconds(3) - delay_;
    At(scene_.world.clock.Now() + left + offset, [this, id] { Come(id); });
  }

  void Come(const SessionId& id) {
    if (!races_[id].connects) return Request(id);
    scene_.core()->Connect(scene_.Ask(races_[id].key),
                           [this, id](absl::StatusOr<core::ConnectResult> result) {
                             ASSERT_TRUE(result.ok()) << result.status();
                             // The answer's way to the browser, and the browser's here.
                             At(scene_.world.clock.Now() + absl::Milliseconds(random_.Below(500)),
                                [this, id] { Request(id); });
                           });
  }

  void Request(const SessionId& id) {
    Race& race = races_[id];
    race.has_come = true;
    const auto& routes = scene_.world.proxy(race.proxy)->routes();
    const auto route = routes.find(id);
    race.came_at_gate = route != routes.end() && route->second.state == route::RouteState::kGated;
    scene_.world.proxy(race.proxy)->Request(id);
  }

  // 410 is the truth only when the end is durable.
  void OnDecided(const SessionId& id, SimProxy::Fate fate) {
    const auto found = races_.find(id);
    if (found == races_.end() || !found->second.has_come || found->second.is_decided) return;
    Race& race = found->second;
    race.is_decided = true;
    if (fate == SimProxy::Fate::kServed) {
      race.served_by = served_[id];
      return At(scene_.world.clock.Now() + (race.is_short ? delay_ : kStay),
                [this, id] { LeaveAgain(id); });
    }
    EXPECT_EQ(fate, SimProxy::Fate::kEnded) << id.value;
    EXPECT_FALSE(race.connects) << id.value << ": a Connect's URL is dead";
    EXPECT_TRUE(IsEndDurable(id, race.epoch)) << id.value << ": 410, and no end is decided";
    ++counts_.end_won;
    --races_left_;
  }

  void LeaveAgain(const SessionId& id) {
    const Race& race = races_[id];
    EXPECT_EQ(scene_.world.proxy(race.proxy)->OpenEpochs(id).count(race.served_by), 1u)
        << id.value << ": its connection was cut";
    scene_.world.proxy(race.proxy)->Leave(id);
    if (race.served_by == race.epoch) {
      ++counts_.connection_won;
      counts_.refused_drains += race.came_at_gate ? 1 : 0;
    } else {
      EXPECT_GT(race.served_by, race.epoch);
      ++counts_.next_incarnation;
    }
    --races_left_;
  }

  // A pod that says so, or none.
  bool IsEndDurable(const SessionId& id, Epoch epoch) {
    const local::Object pod = scene_.world.kubernetes.store().Find(
        {local::Resource::kPods, kNamespace, PodName(id, epoch)});
    return pod == nullptr || pod->at("metadata").at("annotations").contains("spawner.dev/reason");
  }

  // Nobody's open connection is ended as idle.
  void OnWrite(const kube::HttpRequest& request) {
    if (request.method != "PATCH" || !absl::StrContains(request.body, "\"IDLE\"")) return;
    for (const auto& [id, race] : races_) {
      for (size_t i = 0; i < kProxies; ++i) {
        for (const Epoch epoch : scene_.world.proxy(i)->OpenEpochs(id)) {
          EXPECT_FALSE(absl::EndsWith(request.path, PodName(id, epoch)))
              << id.value << " ends as idle with a connection at proxy " << i;
        }
      }
    }
  }

  // The next round has sessions of its own.
  void End() {
    for (const auto& [id, race] : races_) {
      for (size_t i = 0; i < kProxies; ++i) {
        while (scene_.world.proxy(i)->Leave(id)) {
        }
      }
    }
    races_.clear();
  }

  SeededRandom random_;
  Counts& counts_;
  Scene scene_;
  absl::Duration delay_;
  bool is_lazy_ = false;  // proxies report once a second, not at once
  int races_left_ = 0;    // of this round
  std::multimap<Instant, Action> actions_;
  std::map<SessionId, Race> races_;
  std::map<SessionId, Epoch> served_;
};

TEST(IdleRace, NeverGivesADeadUrlNorCutsAConnection) {
  uint64_t first = 1;
  uint64_t last = kSeeds;
  if (const char* seeds = std::getenv("SPAWNER_SIM_SEEDS")) {
    ASSERT_TRUE(absl::SimpleAtoi(seeds, &last)) << seeds;
  }
  if (const char* seed = std::getenv("SPAWNER_SIM_SEED")) {
    ASSERT_TRUE(absl::SimpleAtoi(seed, &first)) << seed;
    last = first;
  }
  Counts counts;
  for (uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE(testing::Message() << "replay with SPAWNER_SIM_SEED=" << seed);
    Races(seed, counts).Run();
    if (testing::Test::HasFailure()) return;
  }
  std::cout << counts.total() << " races in seeds " << first << " to " << last
            << ": the connection won " << counts.connection_won << " (" << counts.refused_drains
            << " at a closed gate), the end won " << counts.end_won
            << " (410), the next incarnation served " << counts.next_incarnation << "\n";
  EXPECT_EQ(counts.total(), static_cast<int>(last - first + 1) * kSessions * kRounds);
  if (first == last) return;
  // Each way must have been taken often: or these were no races.
  EXPECT_GT(counts.connection_won, counts.total() / 20);
  EXPECT_GT(counts.refused_drains, 0);
  EXPECT_GT(counts.next_incarnation, counts.total() / 20);
  EXPECT_GT(counts.end_won, counts.total() / 50);
}

}  // namespace
}  // namespace spawner::sim
