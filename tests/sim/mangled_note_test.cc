// A pod whose annotation of revocations can't be read: its session stays, nothing that was taken
// back comes back, and whoever asks why is told.
#include <functional>
#include <string>

#include "absl/strings/match.h"
#include "base/json.h"
#include "controller/kube/http_kube_client.h"
#include "controller/session/revocations.h"
#include "gtest/gtest.h"
#include "tests/sim/scene.h"
#include "tests/sim/world.h"

namespace spawner::sim {
namespace {

class MangledNoteTest : public testing::Test {
 protected:
  void SetUp() override {
    scene_.spec.idle.never = true;
    id_ = scene_.Ready("doc");
    ASSERT_FALSE(id_.value.empty());
    pod_ = scene_.Get(id_)->pod;
  }
  void Mangle() {
    const auto patched = scene_.Await<kube::Pod>([&](auto done) {
      client_.PatchPod(kNamespace, pod_,
                       R"({"metadata":{"annotations":{"spawner.dev/revocations":"{}]"}}})",
                       std::move(done));
    });
    ASSERT_TRUE(patched.ok()) << patched.status();
  }
  std::string Note() {
    const auto pod =
        scene_.world.kubernetes.store().Find({local::Resource::kPods, kNamespace, pod_});
    return pod == nullptr ? "no pod"
                          : pod->at("metadata").at("annotations").value(kRevocationsNote, "");
  }
  // All but those issued after this second are refused at the proxies.
  absl::Time NotIssuedBefore() {
    const auto& routes = scene_.world.proxy(0)->routes();
    const auto route = routes.find(id_);
    if (route == routes.end()) return absl::InfinitePast();
    if (!route->second.revoked.has_value()) return absl::InfinitePast();
    return route->second.revoked->not_issued_before.value_or(absl::InfinitePast());
  }
  int Warnings() {
    const auto why = scene_.Await<core::Explanation>(
        [&](auto done) { scene_.core()->Explain(kNamespace, id_, Epoch{}, std::move(done)); });
    int count = 0;
    if (!why.ok()) return -1;
    for (const Transition& step : why->transitions) {
      if (absl::StrContains(step.cause, "could not be read")) ++count;
    }
    return count;
  }

  Scene scene_{31, /*controllers=*/2};
  kube::HttpKubeClient client_{scene_.world.kubernetes};
  SessionId id_;
  std::string pod_;
};

TEST_F(MangledNoteTest, CountsAsAllRevokedAndIsMendedAndTold) {
  const absl::Time before = scene_.world.clock.WallNow();
  Mangle();
  scene_.world.RunFor(absl::Seconds(2));
  EXPECT_TRUE(scene_.Is(id_, SessionState::kReady)) << "the session stays";
  const auto read = DecodeRevocations(Note());
  ASSERT_TRUE(read.ok()) << Note();
  EXPECT_GE(absl::FromUnixSeconds(read->not_issued_before), before);
  EXPECT_EQ(NotIssuedBefore(), absl::FromUnixSeconds(read->not_issued_before));
  EXPECT_EQ(Warnings(), 1);
  // Who connects from now on is let in.
  const auto joined = scene_.Connect(scene_.Ask("doc"));
  ASSERT_TRUE(joined.ok()) << joined.status();
  EXPECT_EQ(joined->session.id, id_);
}

TEST_F(MangledNoteTest, OfALeaderThatIsGoneIsReadSoByTheNext) {
  const size_t index = scene_.world.leader() == scene_.world.controller(0) ? 0 : 1;
  scene_.world.KillController(index);
  Mangle();
  ASSERT_TRUE(scene_.AwaitLeader());
  scene_.world.RunFor(absl::Seconds(3));
  EXPECT_TRUE(scene_.Is(id_, SessionState::kReady));
  const auto read = DecodeRevocations(Note());
  ASSERT_TRUE(read.ok()) << Note();
  EXPECT_NE(read->not_issued_before, 0);
  EXPECT_EQ(Warnings(), 1);
}

}  // namespace
}  // namespace spawner::sim
