// An API server whose answers come after what the watch has shown long before: what has become due
// meanwhile is written as soon as the answer is there, not when somebody happens to look.
#include <string>

#include "gtest/gtest.h"
#include "tests/sim/scene.h"

namespace spawner::sim {
namespace {

constexpr absl::Duration kLate = absl::Seconds(3);
constexpr absl::Duration kSlack = absl::Milliseconds(50);

local::LocalKubernetes::Fault Late() { return {.answer_after = kLate}; }

TEST(LateAnswer, AnEndThatCameBeforeTheAnswerToTheCreateIsWrittenRightAfterIt) {
  Scene scene(1, 1, 1);
  local::PodScript script;
  script.exit_after = absl::Milliseconds(500);
  script.exit_code = 7;
  scene.world.runtime.SetScript("app:1", script);
  Instant ended_at;
  scene.on_write = [&](const kube::HttpRequest& request) -> Scene::Fault {
    if (request.method == "POST") return Late();
    if (request.method == "PATCH") ended_at = scene.world.clock.Now();
    return std::nullopt;
  };
  const Instant begin = scene.world.clock.Now();
  const SessionId id = scene.Ready("doc");
  ASSERT_FALSE(id.value.empty());
  scene.world.RunFor(absl::Seconds(20));
  EXPECT_EQ(scene.Get(id)->reason, EndReason::kCrashed);
  ASSERT_NE(ended_at, Instant{}) << "the end is not written";
  EXPECT_GE(ended_at - begin, kLate);
  EXPECT_LE(ended_at - begin, kLate + kSlack);
}

TEST(LateAnswer, AHardEndDeletesThePodRightAfterTheAnswerToItsPatch) {
  Scene scene(2, 1, 1);
  local::PodScript script;
  script.stop_after = absl::Minutes(1);  // until it is killed
  scene.world.runtime.SetScript("app:1", script);
  scene.spec.lifetime.stop_grace = absl::Minutes(1);
  const SessionId id = scene.Ready("doc");
  ASSERT_FALSE(id.value.empty());
  Instant deleted_at;
  scene.on_write = [&](const kube::HttpRequest& request) -> Scene::Fault {
    if (request.method == "PATCH") return Late();
    if (request.method == "DELETE") deleted_at = scene.world.clock.Now();
    return std::nullopt;
  };
  const Instant begin = scene.world.clock.Now();
  scene.core()->Terminate({.ns = kNamespace, .id = id, .hard = true},
                          [](absl::StatusOr<SessionView>) {});
  scene.world.RunFor(absl::Seconds(20));
  ASSERT_NE(deleted_at, Instant{}) << "it is not deleted";
  EXPECT_GE(deleted_at - begin, kLate);
  EXPECT_LE(deleted_at - begin, kLate + kSlack);
}

}  // namespace
}  // namespace spawner::sim
