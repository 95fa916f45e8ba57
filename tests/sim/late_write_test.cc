// Writes that arrive late, or meet what another has written meanwhile: an end may not take back
// what its pod's next leader has made durable.
#include <functional>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/json.h"
#include "controller/kube/http_kube_client.h"
#include "controller/kube/pod.h"
#include "controller/session/revocations.h"
#include "gtest/gtest.h"
#include "tests/sim/scene.h"

namespace spawner::sim {
namespace {

bool IsEnd(const kube::HttpRequest& request) {
  return request.method == "PATCH" && absl::StrContains(request.body, "spawner.dev/reason");
}

class LateWriteTest : public testing::Test {
 protected:
  void Ready() {
    id_ = scene_.Ready("doc");
    ASSERT_FALSE(id_.value.empty());
    pod_ = scene_.Get(id_)->pod;
  }
  void StartRevoke(const std::string& grant) {
    scene_.core()->RevokeGrant({.ns = kNamespace, .id = id_, .grant_id = grant},
                               [](const absl::StatusOr<core::RevokeResult>&) {});
  }
  void StartTerminate() {
    scene_.core()->Terminate({.ns = kNamespace, .id = id_},
                             [this](const absl::StatusOr<SessionView>& view) { ended_ = view; });
  }
  // The first ending write breaks on its way, and whoever sent it writes nothing more.
  void KeepTheEnd() {
    scene_.on_write = [this](const kube::HttpRequest& request) -> Scene::Fault {
      if (!IsEnd(request) && !end_.has_value()) return std::nullopt;
      if (!end_.has_value()) end_ = request.body;
      return local::LocalKubernetes::Fault{};
    };
  }
  void LetTheOtherLead() {
    const size_t index = scene_.world.leader() == scene_.world.controller(0) ? 0 : 1;
    scene_.world.KillController(index);
    scene_.on_write = nullptr;
    ASSERT_TRUE(scene_.AwaitLeader());
    scene_.world.RunFor(absl::Seconds(2));
  }
  absl::Status Patch(std::string patch) {
    return scene_
        .Await<kube::Pod>([&](auto done) {
          client_.PatchPod(kNamespace, pod_, std::move(patch), std::move(done));
        })
        .status();
  }
  std::string Annotation(const std::string& name) {
    const auto pod =
        scene_.world.kubernetes.store().Find({local::Resource::kPods, kNamespace, pod_});
    if (pod == nullptr) return "no pod";
    return pod->at("metadata").at("annotations").value(name, "");
  }
  bool HasRevoked(const std::string& grant) {
    const auto read = DecodeRevocations(Annotation(kRevocationsNote));
    return read.ok() && read->grants.count(grant) > 0;
  }

  Scene scene_{21, /*controllers=*/2};
  kube::HttpKubeClient client_{scene_.world.kubernetes};
  SessionId id_;
  std::string pod_;
  std::optional<std::string> end_;
  std::optional<absl::StatusOr<SessionView>> ended_;
};

TEST_F(LateWriteTest, OfADeposedLeaderTakesNothingBackThatItsSuccessorRevoked) {
  Ready();
  KeepTheEnd();
  StartRevoke("g1");
  StartTerminate();  // in the same turn: the end carries the revocation
  ASSERT_TRUE(scene_.world.RunUntil([this] { return end_.has_value(); }, absl::Seconds(5)));
  ASSERT_TRUE(absl::StrContains(*end_, "g1")) << *end_;
  LetTheOtherLead();
  ASSERT_FALSE(HasRevoked("g1"));
  const auto revoked = scene_.Await<core::RevokeResult>([&](auto done) {
    scene_.core()->RevokeGrant({.ns = kNamespace, .id = id_, .grant_id = "g2"}, std::move(done));
  });
  ASSERT_TRUE(revoked.ok()) << revoked.status();

  const absl::Status late = Patch(*end_);
  EXPECT_EQ(late.code(), absl::StatusCode::kAborted) << late;
  EXPECT_TRUE(HasRevoked("g2"));
  scene_.world.RunFor(absl::Seconds(1));
  EXPECT_LT(scene_.Get(id_)->state, SessionState::kTerminating);
}

TEST_F(LateWriteTest, ThatConflictsIsMadeAgainAndNotTakenForALostPod) {
  Ready();
  int conflicts = 0;
  scene_.on_write = [&](const kube::HttpRequest& request) -> Scene::Fault {
    if (!IsEnd(request) || ++conflicts > 3) return std::nullopt;
    return local::LocalKubernetes::Fault{.code = 409};
  };
  StartRevoke("g1");
  StartTerminate();
  ASSERT_TRUE(scene_.world.RunUntil([this] { return ended_.has_value(); }, absl::Seconds(9)));
  EXPECT_TRUE(ended_->ok()) << ended_->status();
  EXPECT_EQ(conflicts, 4);
  EXPECT_EQ(Annotation("spawner.dev/reason"), "REQUESTED");
  EXPECT_TRUE(HasRevoked("g1"));
}

// Nothing of another's is in it: whatever the kubelet wrote meanwhile, it is made once.
TEST_F(LateWriteTest, OfAnEndAloneNeedsNoUnchangedPod) {
  Ready();
  KeepTheEnd();
  StartTerminate();
  ASSERT_TRUE(scene_.world.RunUntil([this] { return end_.has_value(); }, absl::Seconds(5)));
  LetTheOtherLead();
  ASSERT_TRUE(Patch(R"({"metadata":{"annotations":{"another":"wrote"}}})").ok());
  const absl::Status late = Patch(*end_);
  EXPECT_TRUE(late.ok()) << late;
  EXPECT_EQ(Annotation("spawner.dev/reason"), "REQUESTED");
}

TEST_F(LateWriteTest, OfAUsualEndIsOne) {
  Ready();
  const int before = scene_.writes["PATCH"];
  StartTerminate();
  ASSERT_TRUE(scene_.Reaches(id_, SessionState::kTerminated, absl::Minutes(1)));
  EXPECT_EQ(scene_.writes["PATCH"] - before, 1);
}

}  // namespace
}  // namespace spawner::sim
