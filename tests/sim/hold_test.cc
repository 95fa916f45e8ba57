// Holds: what keeps a session alive without a connection, over restarts and against its idle end.
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "gtest/gtest.h"
#include "tests/sim/scene.h"

namespace spawner::sim {
namespace {

constexpr absl::Duration kSlack = absl::Milliseconds(200);

TEST(Hold, KeepsAnUnusedSessionAliveAndGraceRunsFromItsEnd) {
  Scene scene(1);
  const SessionId id = scene.Ready("doc");
  const auto held = scene.KeepAlive(id, "job", absl::Seconds(60));
  ASSERT_TRUE(held.ok()) << held.status();
  EXPECT_FALSE(held->is_capped);
  ASSERT_TRUE(held->expire_time.has_value());
  ASSERT_EQ(scene.Get(id)->holds.size(), 1u);
  EXPECT_EQ(scene.Get(id)->holds[0].owner, "job");
  EXPECT_EQ(scene.Get(id)->holds[0].expire_time, *held->expire_time);
  const Instant start = scene.world.clock.Now();
  ASSERT_TRUE(scene.Ends(id, absl::Minutes(3)));
  const absl::Duration lasted = scene.world.clock.Now() - start;
  EXPECT_GE(lasted, absl::Seconds(65) - kSlack);
  EXPECT_LE(lasted, absl::Seconds(65) + kSlack);
  EXPECT_EQ(scene.Get(id)->reason, EndReason::kIdle);
  EXPECT_TRUE(scene.Get(id)->holds.empty());
}

TEST(Hold, AReleaseLetsTheIdleClockBeginAnew) {
  Scene scene(2);
  const SessionId id = scene.Ready("doc");
  ASSERT_TRUE(scene.KeepAlive(id, "job", absl::Hours(1)).ok());
  scene.world.RunFor(absl::Minutes(5));
  ASSERT_TRUE(scene.Is(id, SessionState::kReady));
  const auto released = scene.KeepAlive(id, "job", absl::ZeroDuration());
  ASSERT_TRUE(released.ok()) << released.status();
  EXPECT_FALSE(released->expire_time.has_value());
  const Instant start = scene.world.clock.Now();
  ASSERT_TRUE(scene.Ends(id, absl::Minutes(1)));
  EXPECT_GE(scene.world.clock.Now() - start, absl::Seconds(5) - kSlack);
  EXPECT_LE(scene.world.clock.Now() - start, absl::Seconds(5) + kSlack);
}

TEST(Hold, TheReleaseOfOneLeavesTheOthers) {
  Scene scene(3);
  const SessionId id = scene.Ready("doc");
  ASSERT_TRUE(scene.KeepAlive(id, "a", absl::Hours(1)).ok());
  ASSERT_TRUE(scene.KeepAlive(id, "b", absl::Minutes(2)).ok());
  ASSERT_TRUE(scene.KeepAlive(id, "a", absl::ZeroDuration()).ok());
  ASSERT_TRUE(scene.KeepAlive(id, "nobody", absl::ZeroDuration()).ok());
  scene.world.RunFor(absl::Minutes(1));
  EXPECT_TRUE(scene.Is(id, SessionState::kReady));
  EXPECT_TRUE(scene.Ends(id, absl::Minutes(2)));
}

TEST(Hold, SurvivesARestartOfTheController) {
  Scene scene(4);
  const SessionId id = scene.Ready("doc");
  const auto held = scene.KeepAlive(id, "job", absl::Minutes(10));
  ASSERT_TRUE(held.ok());
  scene.world.KillController(0);
  scene.world.RunFor(absl::Minutes(2));
  scene.world.StartController(0);
  ASSERT_TRUE(scene.AwaitLeader());
  scene.world.RunFor(absl::Minutes(5));
  ASSERT_TRUE(scene.Is(id, SessionState::kReady));
  ASSERT_EQ(scene.Get(id)->holds.size(), 1u);
  EXPECT_EQ(scene.Get(id)->holds[0].reason, "it works");
  EXPECT_GE(scene.Get(id)->holds[0].expire_time, *held->expire_time);
  // Up to a minute more: what a prolongation need not write.
  EXPECT_LE(scene.Get(id)->holds[0].expire_time, *held->expire_time + absl::Minutes(1));
  EXPECT_TRUE(scene.Ends(id, absl::Minutes(5)));
}

// Goal: what another leader promised meanwhile holds, although the pod looks the same. Method: the
// lead goes from one controller to the other and back; a prolongation in between is no write.
TEST(Hold, LastsAsTheLeaderInBetweenProlongedIt) {
  Scene scene(14, 2);
  ASSERT_TRUE(scene.AwaitLeader());
  std::string cut;
  scene.world.on_request =
      [&cut, inner = scene.world.on_request](const kube::HttpRequest& request) -> Scene::Fault {
    if (!cut.empty() && request.method == "PUT" && absl::StrContains(request.body, cut)) {
      return local::LocalKubernetes::Fault{.code = 503};
    }
    return inner(request);
  };
  const auto lead = [&](size_t index) {
    cut = absl::StrCat("\"holderIdentity\":\"controller-", 1 - index, "-");
    ASSERT_TRUE(scene.world.RunUntil(
        [&] { return scene.world.leader() == scene.world.controller(index); }, absl::Seconds(30)));
    ASSERT_TRUE(scene.AwaitLeader());
    scene.world.RunFor(absl::Seconds(3));
  };
  lead(0);
  const SessionId id = scene.Ready("doc");
  ASSERT_TRUE(scene.KeepAlive(id, "job", absl::Minutes(10)).ok());
  lead(1);
  const int before = scene.writes["PATCH"];
  ASSERT_TRUE(scene.KeepAlive(id, "job", absl::Minutes(10)).ok());
  const Instant promised = scene.world.clock.Now() + absl::Minutes(10);
  ASSERT_EQ(scene.writes["PATCH"], before) << "within the slack of the first";
  lead(0);
  scene.world.RunFor(promised - scene.world.clock.Now());
  EXPECT_TRUE(scene.Is(id, SessionState::kReady));
  EXPECT_TRUE(scene.Ends(id, absl::Minutes(2)));
}

// While Kubernetes is down each waits for 10 s: not any number of them.
TEST(Hold, IsRefusedWhileTooManyWaitToBeWritten) {
  Scene scene(15);
  const SessionId id = scene.Ready("doc");
  const SessionId other = scene.Ready("other");
  scene.on_write = [](const kube::HttpRequest& request) -> Scene::Fault {
    if (request.method != "PATCH") return std::nullopt;
    return local::LocalKubernetes::Fault{.code = 503};
  };
  int unreachable = 0;
  int refused = 0;
  const auto ask = [&](const SessionId& session, int seconds) {
    scene.core()->KeepAlive(
        {kNamespace, session, "job", "again", absl::Seconds(seconds), {}},
        [&](const absl::StatusOr<core::KeepAliveResult>& result) {
          const std::string reason = ReasonOf(result.status());
          EXPECT_TRUE(reason == "KUBERNETES_UNREACHABLE" || reason == "RATE_LIMITED") << reason;
          if (reason == "RATE_LIMITED") {
            EXPECT_EQ(RetryAfterOf(result.status()), absl::Seconds(1));
            EXPECT_TRUE(absl::StrContains(result.status().message(), "wait already to be written"))
                << result.status();
          }
          ++(reason == "RATE_LIMITED" ? refused : unreachable);
        });
  };
  for (int i = 0; i < 200; ++i) ask(id, 60 + i);
  EXPECT_EQ(refused, 200 - 64);
  ask(other, 60);
  EXPECT_EQ(refused, 200 - 64) << "each session has its own room";
  scene.world.RunFor(absl::Seconds(11));
  EXPECT_EQ(unreachable, 65);
  scene.on_write = nullptr;
  EXPECT_TRUE(scene.KeepAlive(id, "job", absl::Minutes(2)).ok()) << "there is room again";
}

TEST(Hold, IsOneWriteAndAProlongationThatChangesLittleIsNone) {
  Scene scene(5);
  const SessionId id = scene.Ready("doc");
  const int before = scene.writes["PATCH"];
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(scene.KeepAlive(id, "job", absl::Seconds(100)).ok());
    scene.world.RunFor(absl::Seconds(1));
  }
  // 10 s of slack in each write.
  EXPECT_GE(scene.writes["PATCH"] - before, 5);
  EXPECT_LE(scene.writes["PATCH"] - before, 7);
  const Instant start = scene.world.clock.Now();
  ASSERT_TRUE(scene.Ends(id, absl::Minutes(3)));
  EXPECT_LE(scene.world.clock.Now() - start, absl::Seconds(105));
}

TEST(Hold, AShorterOneIsWrittenSoThatItsEndIsNotTheOldOneAfterARestart) {
  Scene scene(6);
  const SessionId id = scene.Ready("doc");
  ASSERT_TRUE(scene.KeepAlive(id, "job", absl::Hours(10)).ok());
  ASSERT_TRUE(scene.KeepAlive(id, "job", absl::Seconds(60)).ok());
  scene.world.KillController(0);
  scene.world.StartController(0);
  ASSERT_TRUE(scene.AwaitLeader());
  EXPECT_TRUE(scene.Ends(id, absl::Seconds(90)));
}

TEST(Hold, IsCappedByThePolicyAndCounted) {
  Scene scene(7);
  scene.spec.idle.hold_max = absl::Seconds(30);
  const SessionId id = scene.Ready("doc");
  const auto held = scene.KeepAlive(id, "job", absl::Hours(5));
  ASSERT_TRUE(held.ok());
  EXPECT_TRUE(held->is_capped);
  for (int i = 1; i < 16; ++i) {
    ASSERT_TRUE(scene.KeepAlive(id, absl::StrCat("job-", i), absl::Seconds(20 + i)).ok()) << i;
  }
  const auto full = scene.KeepAlive(id, "one-too-many", absl::Seconds(20));
  EXPECT_EQ(full.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(full.status()), "QUOTA_HOLDS");
  const auto wait = RetryAfterOf(full.status());
  ASSERT_TRUE(wait.has_value());
  scene.world.RunFor(*wait);
  EXPECT_TRUE(scene.KeepAlive(id, "one-too-many", absl::Seconds(20)).ok());
  EXPECT_TRUE(scene.Ends(id, absl::Seconds(60)));
}

TEST(Hold, WhereNoneIsAllowedTheWaitIsForItsOwnEnd) {
  Scene scene(71);
  scene.spec.idle.hold_max = absl::ZeroDuration();
  const SessionId id = scene.Ready("doc");
  const auto refused = scene.KeepAlive(id, "job", absl::Minutes(1));
  EXPECT_EQ(ReasonOf(refused.status()), "QUOTA_HOLDS");
  EXPECT_EQ(DetailsOf(refused.status()).at("session"), id.value);
  const auto wait = RetryAfterOf(refused.status());
  ASSERT_TRUE(wait.has_value());
  EXPECT_GT(*wait, absl::ZeroDuration());
  EXPECT_LE(*wait, scene.spec.idle.grace);
}

TEST(Hold, OfAnotherEpochOrOfAnEndingSessionIsRefused) {
  Scene scene(8);
  const SessionId id = scene.Ready("doc");
  const Epoch epoch = scene.Get(id)->epoch;
  const auto fenced = scene.KeepAlive(id, "job", absl::Minutes(1), Epoch{epoch.value + 1});
  EXPECT_EQ(fenced.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(fenced.status()), "EPOCH_FENCED");
  EXPECT_TRUE(scene.KeepAlive(id, "job", absl::Seconds(1), epoch).ok());
  const auto unknown = scene.KeepAlive({"nobody"}, "job", absl::Minutes(1));
  EXPECT_EQ(ReasonOf(unknown.status()), "SESSION_NOT_FOUND");
  ASSERT_TRUE(scene.Ends(id, absl::Minutes(1)));
  const auto ended = scene.KeepAlive(id, "job", absl::Minutes(1));
  EXPECT_EQ(ended.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(ended.status()), "SESSION_ENDING");
}

TEST(Hold, ThatLandsWhileTheGateIsClosedOpensItAgain) {
  Scene scene(9);
  scene.world.delay_max = absl::Milliseconds(400);  // so that counting takes a while
  const SessionId id = scene.Ready("doc");
  ASSERT_TRUE(scene.Reaches(id, SessionState::kDraining, absl::Minutes(1)));
  const auto held = scene.KeepAlive(id, "job", absl::Minutes(1));
  ASSERT_TRUE(held.ok()) << held.status();
  EXPECT_TRUE(scene.Is(id, SessionState::kReady));
  scene.world.RunFor(absl::Seconds(59));
  EXPECT_TRUE(scene.Is(id, SessionState::kReady));
  scene.world.proxy(0)->Request(id);
  scene.world.RunFor(absl::Seconds(1));
  EXPECT_EQ(scene.world.Open(id), 1);
}

TEST(Hold, ThatKubernetesRefusesHoldsNothing) {
  Scene scene(10);
  const SessionId id = scene.Ready("doc");
  scene.on_write = [](const kube::HttpRequest& request) -> Scene::Fault {
    if (request.method == "PATCH" && absl::StrContains(request.body, "spawner.dev/holds")) {
      return local::LocalKubernetes::Fault{.code = 403};
    }
    return std::nullopt;
  };
  const auto held = scene.KeepAlive(id, "job", absl::Hours(1));
  EXPECT_EQ(held.status().code(), absl::StatusCode::kPermissionDenied) << held.status();
  EXPECT_TRUE(scene.Get(id)->holds.empty());
  EXPECT_TRUE(scene.Ends(id, absl::Minutes(1)));
}

TEST(Hold, IsTriedAgainWhenTheWriteFailsForAWhile) {
  Scene scene(11);
  const SessionId id = scene.Ready("doc");
  int failures = 5;
  scene.on_write = [&failures](const kube::HttpRequest& request) -> Scene::Fault {
    if (request.method != "PATCH" || failures-- <= 0) return std::nullopt;
    return local::LocalKubernetes::Fault{.code = failures % 2 == 0 ? 503 : 409};
  };
  const auto held = scene.KeepAlive(id, "job", absl::Minutes(1));
  EXPECT_TRUE(held.ok()) << held.status();
  EXPECT_LE(failures, 0);
  scene.world.RunFor(absl::Seconds(50));
  EXPECT_TRUE(scene.Is(id, SessionState::kReady));
}

TEST(Hold, OfABusyBackendComesByWayOfAProxy) {
  Scene scene(12);
  const SessionId id = scene.Ready("doc");
  scene.world.proxy(0)->Busy(id, absl::Minutes(2));
  scene.world.RunFor(absl::Seconds(1));
  ASSERT_EQ(scene.Get(id)->holds.size(), 1u);
  EXPECT_EQ(scene.Get(id)->holds[0].owner, "backend");
  EXPECT_EQ(scene.Get(id)->holds[0].reason, "exporting");
  EXPECT_EQ(scene.Get(id)->connections, 0);
  scene.world.RunFor(absl::Minutes(1));
  ASSERT_TRUE(scene.Is(id, SessionState::kReady));
  scene.world.proxy(1)->Busy(id, absl::ZeroDuration());
  EXPECT_TRUE(scene.Ends(id, absl::Seconds(10)));
}

// Goal: whatever the moment, an answered hold holds. Method: a hold at a random instant around the
// idle end, with proxies that answer late.
TEST(Hold, RacesTheIdleEndAndEitherHoldsOrSaysThatItIsTooLate) {
  int held_up = 0;
  int too_late = 0;
  for (uint64_t seed = 0; seed < 80; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Scene scene(seed);
    SeededRandom random(seed ^ 0x401d);
    const SessionId id = scene.Ready("doc");
    ASSERT_FALSE(id.value.empty());
    scene.world.delay_max = absl::Milliseconds(random.Below(300));
    scene.world.RunFor(absl::Milliseconds(4400 + random.Below(1200)));
    const auto held = scene.KeepAlive(id, "job", absl::Seconds(20));
    if (held.ok()) {
      ++held_up;
      scene.world.RunFor(absl::Seconds(20));
      EXPECT_TRUE(scene.Is(id, SessionState::kReady));
      EXPECT_TRUE(scene.Ends(id, absl::Seconds(20)));
    } else {
      ++too_late;
      EXPECT_EQ(ReasonOf(held.status()), "SESSION_ENDING") << held.status();
      scene.world.RunFor(absl::Seconds(5));
      EXPECT_GE(scene.Get(id)->state, SessionState::kTerminating);
      EXPECT_EQ(scene.Get(id)->reason, EndReason::kIdle);
    }
    if (testing::Test::HasFailure()) return;
  }
  // Both ways were met.
  EXPECT_GT(held_up, 8);
  EXPECT_GT(too_late, 8);
}

// Goal: a hold that was answered outlives the leader that took it. Method: two controllers, of
// which the leader is killed at random moments, also in the middle of the hold's write.
TEST(Hold, OutlivesItsLeader) {
  int held_up = 0;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Scene scene(seed, 2);
    SeededRandom random(seed ^ 0x1eade4);
    ASSERT_TRUE(scene.AwaitLeader());
    const SessionId id = scene.Ready("doc");
    ASSERT_FALSE(id.value.empty());
    scene.world.delay_max = absl::Milliseconds(random.Below(200));
    const auto held = scene.KeepAlive(id, "job", absl::Minutes(3));
    const Instant until = scene.world.clock.Now() + absl::Minutes(3);
    ASSERT_TRUE(held.ok()) << held.status();
    for (int i = 0; i < 3; ++i) {
      const size_t index = scene.world.leader() == scene.world.controller(0) ? 0 : 1;
      // A prolongation that may be lost with its leader: never shorter for it.
      if (random.OneIn(2) && scene.core() != nullptr) {
        scene.core()->KeepAlive({kNamespace, id, "job", "again", absl::Minutes(4), {}},
                                [](const absl::StatusOr<core::KeepAliveResult>&) {});
        scene.world.RunFor(absl::Milliseconds(random.Below(30)));
      }
      scene.world.KillController(index);
      scene.world.RunFor(absl::Milliseconds(random.Below(3000)));
      scene.world.StartController(index);
      scene.world.RunFor(absl::Seconds(20));
      ASSERT_TRUE(scene.AwaitLeader());
    }
    scene.world.RunFor(until - scene.world.clock.Now());
    const auto view = scene.Get(id);
    ASSERT_TRUE(view.has_value());
    EXPECT_EQ(view->state, SessionState::kReady);
    EXPECT_TRUE(scene.Ends(id, absl::Minutes(3)));
    if (testing::Test::HasFailure()) return;
    ++held_up;
  }
  EXPECT_EQ(held_up, 30);
}

}  // namespace
}  // namespace spawner::sim
