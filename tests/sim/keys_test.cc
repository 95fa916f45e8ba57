// One key, many callers: get-or-create is linearizable, whoever leads and whatever dies.
#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/json.h"
#include "base/random.h"
#include "base/status.h"
#include "controller/kube/pod.h"
#include "gtest/gtest.h"
#include "tests/sim/scene.h"

namespace spawner::sim {
namespace {

TEST(Keys, OfAThousandConnectsAtOnceOneCreates) {
  Scene scene(41);
  std::vector<std::optional<absl::StatusOr<core::ConnectResult>>> answers(1000);
  for (size_t i = 0; i < answers.size(); ++i) {
    core::ConnectParams params = scene.Ask("doc");
    params.wait_until_ready = i % 2 == 0;
    scene.core()->Connect(std::move(params), [&answers, i](const auto& result) {
      EXPECT_FALSE(answers[i].has_value()) << "answered twice";
      answers[i] = result;
    });
    // Some while it is being created, some while it starts, some when it is ready.
    if (i % 100 == 99) scene.world.RunFor(absl::Milliseconds(i < 500 ? 1 : 400));
  }
  scene.world.RunFor(absl::Seconds(20));
  int created = 0;
  std::set<std::pair<SessionId, Epoch>> sessions;
  std::set<std::string> grants;
  for (const auto& answer : answers) {
    ASSERT_TRUE(answer.has_value());
    ASSERT_TRUE(answer->ok()) << answer->status();
    created += (*answer)->created ? 1 : 0;
    EXPECT_EQ((*answer)->created, (*answer)->started_from == core::StartedFrom::kCold);
    sessions.emplace((*answer)->session.id, (*answer)->session.epoch);
    grants.insert((*answer)->grant_id);
  }
  EXPECT_EQ(created, 1);
  EXPECT_EQ(sessions.size(), 1u);
  EXPECT_EQ(grants.size(), 1000u) << "each has a grant of its own";
  EXPECT_EQ(scene.writes["POST"], 1);
}

// Callers of one key that try again with their request id until they are answered, while leaders
// die and sessions are ended.
class Callers {
 public:
  explicit Callers(uint64_t seed) : scene_(seed, 2), random_(seed ^ 0xca11e25) {}

  void Run() {
    for (int step = 0; step < 60; ++step) {
      for (uint64_t i = random_.Below(4); i > 0; --i) StartCaller();
      if (random_.OneIn(8)) End();
      if (random_.OneIn(12)) KillTheLeader();
      scene_.world.RunFor(absl::Milliseconds(random_.Below(1500)));
      for (auto& [id, caller] : callers_) Ask(id, *caller);
    }
    for (int i = 0; i < 60 && !IsEverybodyAnswered(); ++i) {
      scene_.world.RunFor(absl::Seconds(1));
      for (auto& [id, caller] : callers_) Ask(id, *caller);
    }
    Check();
  }
  int ends() const { return ends_; }
  int kills() const { return kills_; }

 private:
  struct Caller {
    Epoch ended_before;  // had ended for sure when it first asked
    bool is_asking = false;
    Instant asked_at;
    std::optional<core::ConnectResult> result;
  };

  void StartCaller() {
    auto caller = std::make_shared<Caller>();
    caller->ended_before = ended_;
    callers_.emplace(absl::StrCat("r", callers_.size()), caller);
  }
  void Ask(const std::string& request_id, Caller& caller) {
    const Instant now = scene_.world.clock.Now();
    // A controller that died answers nothing.
    if (caller.is_asking && now < caller.asked_at + absl::Seconds(15)) return;
    if (caller.result.has_value() || scene_.core() == nullptr) return;
    caller.is_asking = true;
    caller.asked_at = now;
    core::ConnectParams params = scene_.Ask("doc");
    params.request_id = request_id;
    params.payload_hash = "same";
    params.wait_until_ready = false;
    scene_.core()->Connect(std::move(params),
                           [known = callers_.at(request_id)](const auto& result) {
                             known->is_asking = false;
                             if (result.ok() && !known->result.has_value()) known->result = *result;
                           });
  }
  void End() {
    core::Core* core = scene_.core();
    if (core == nullptr) return;
    const auto found = core->List({.ns = kNamespace});
    if (!found.ok() || found->sessions.empty()) return;
    core->Terminate({.ns = kNamespace, .id = found->sessions.front().id},
                    [this](const absl::StatusOr<SessionView>& view) {
                      if (!view.ok()) return;
                      ++ends_;
                      ended_ = std::max(ended_, view->epoch);
                    });
  }
  void KillTheLeader() {
    const size_t index = scene_.world.leader() == scene_.world.controller(0) ? 0 : 1;
    if (scene_.world.controller(index) == nullptr) return;
    scene_.world.KillController(index);
    scene_.world.StartController(index);
    ++kills_;
  }
  bool IsEverybodyAnswered() const {
    for (const auto& [id, caller] : callers_) {
      if (!caller->result.has_value()) return false;
    }
    return true;
  }
  void Check() {
    std::set<SessionId> ids;
    std::map<Epoch, int> creators;
    std::set<Epoch> epochs;
    for (const auto& [request_id, caller] : callers_) {
      ASSERT_TRUE(caller->result.has_value()) << request_id << " was never answered";
      const SessionView& session = caller->result->session;
      ids.insert(session.id);
      epochs.insert(session.epoch);
      if (caller->result->created) ++creators[session.epoch];
      EXPECT_GT(session.epoch, caller->ended_before)
          << request_id << " came after the end of that one, and got it";
    }
    EXPECT_LE(ids.size(), 1u);
    for (const Epoch epoch : epochs) {
      EXPECT_EQ(creators[epoch], 1) << "created of epoch " << epoch.value;
    }
  }

  Scene scene_;
  SeededRandom random_;
  std::map<std::string, std::shared_ptr<Caller>> callers_;
  Epoch ended_;
  int ends_ = 0;
  int kills_ = 0;
};

TEST(Keys, GiveEachIncarnationOneCreatorFromAnySeed) {
  int ends = 0;
  int kills = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Callers callers(seed);
    callers.Run();
    ends += callers.ends();
    kills += callers.kills();
    if (testing::Test::HasFailure()) break;
  }
  EXPECT_GT(ends, 150);
  EXPECT_GT(kills, 100);
}

TEST(Keys, RememberForWhomTheirSessionWasStarted) {
  Scene scene(43);
  core::ConnectParams params = scene.Ask("doc");
  params.user = "ada";
  const auto started = scene.Connect(params);
  ASSERT_TRUE(started.ok()) << started.status();
  EXPECT_EQ(started->session.user, "ada");
  params.user = "ben";
  EXPECT_EQ(scene.Connect(params)->session.user, "ada") << "who joins does not change it";
  scene.world.KillController(0);
  scene.world.StartController(0);
  ASSERT_TRUE(scene.AwaitLeader());
  EXPECT_EQ(scene.Get(started->session.id)->user, "ada");
  ASSERT_TRUE(scene.Ends(started->session.id, absl::Minutes(1)));
  const auto next = scene.Connect(params);
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_EQ(next->session.user, "ben");
}

// The look at it that gives it a plan is the one that forgets it: what it was may not be read any
// more, which AddressSanitizer sees.
TEST(Keys, OfAPodThatCameAndWentHaveNoSession) {
  Scene scene(44);
  scene.spec.lifetime.retention = absl::ZeroDuration();
  const SessionId id = scene.Ready("doc");
  const auto object =
      scene.world.kubernetes.store().Find({local::Resource::kPods, kNamespace, scene.Get(id)->pod});
  ASSERT_NE(object, nullptr);
  const auto pod = kube::DecodePod(JsonText(*object));
  ASSERT_TRUE(pod.ok()) << pod.status();
  ASSERT_TRUE(scene.Ends(id, absl::Minutes(1)));
  scene.world.RunFor(absl::Minutes(2));
  ASSERT_FALSE(scene.Get(id).has_value());
  kube::PodHandler& pods = scene.core()->PodsOf(kNamespace);
  pods.OnPodChanged(*pod);
  pods.OnPodGone(*pod);
  const auto gone = scene.core()->Get(kNamespace, id, Epoch{});
  EXPECT_EQ(ReasonOf(gone.status()), "SESSION_NOT_FOUND") << gone.status();
}

}  // namespace
}  // namespace spawner::sim
