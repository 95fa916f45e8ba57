// A key whose session has another tag, or is ending: who connects gets the next incarnation.
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "gtest/gtest.h"
#include "tests/sim/scene.h"

namespace spawner::sim {
namespace {

core::ConnectParams Tagged(const Scene& scene, const std::string& tag, core::OnMismatch what) {
  core::ConnectParams params = scene.Ask("doc");
  params.key.tag = tag;
  params.on_mismatch = what;
  return params;
}

class ReplaceTest : public testing::Test {
 protected:
  absl::StatusOr<core::ConnectResult> Connect(const std::string& tag, core::OnMismatch what) {
    return scene_.Connect(Tagged(scene_, tag, what));
  }

  Scene scene_{3};
};

TEST_F(ReplaceTest, StartsTheNextUnderTheSameIdAndEndsTheOldOneAsReplaced) {
  const auto old = Connect("v1", core::OnMismatch::kFail);
  ASSERT_TRUE(old.ok()) << old.status();
  const SessionId id = old->session.id;
  scene_.world.proxy(0)->Request(id);
  scene_.world.RunFor(absl::Seconds(1));
  ASSERT_EQ(scene_.world.Open(id), 1);

  const auto next = Connect("v2", core::OnMismatch::kReplace);
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_TRUE(next->created);
  EXPECT_EQ(next->session.id, id);
  EXPECT_EQ(next->session.key.tag, "v2");
  EXPECT_GT(next->session.epoch, old->session.epoch);
  const auto replaced = scene_.Get(id, old->session.epoch);
  ASSERT_TRUE(replaced.has_value());
  EXPECT_GE(replaced->state, SessionState::kTerminating);
  EXPECT_EQ(replaced->reason, EndReason::kReplaced);
  // Its user's connection is over, and a new one goes to the new backend.
  EXPECT_EQ(scene_.world.Open(id), 0);
  scene_.world.proxy(0)->Request(id);
  scene_.world.RunFor(absl::Seconds(1));
  EXPECT_EQ(scene_.world.proxy(0)->OpenEpochs(id), std::set<Epoch>{next->session.epoch});
}

TEST_F(ReplaceTest, OfTheSameTagIsTheSameSession) {
  const auto old = Connect("v1", core::OnMismatch::kFail);
  const auto same = Connect("v1", core::OnMismatch::kReplace);
  ASSERT_TRUE(same.ok());
  EXPECT_FALSE(same->created);
  EXPECT_EQ(same->session.epoch, old->session.epoch);
}

TEST_F(ReplaceTest, FailsWhereItIsNotAskedFor) {
  ASSERT_TRUE(Connect("v1", core::OnMismatch::kFail).ok());
  const auto other = Connect("v2", core::OnMismatch::kFail);
  EXPECT_EQ(ReasonOf(other.status()), "KEY_TAG_MISMATCH");
  core::ConnectParams without_spec = Tagged(scene_, "v2", core::OnMismatch::kReplace);
  without_spec.spec.reset();
  EXPECT_EQ(ReasonOf(scene_.Connect(without_spec).status()), "INVALID_FIELD");
}

TEST_F(ReplaceTest, IfIdleLeavesASessionInUseAlone) {
  const auto old = Connect("v1", core::OnMismatch::kFail);
  const SessionId id = old->session.id;
  scene_.world.proxy(1)->Request(id);
  scene_.world.RunFor(absl::Seconds(2));
  const auto busy = Connect("v2", core::OnMismatch::kReplaceIfIdle);
  EXPECT_EQ(busy.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(busy.status()), "NOT_IDLE");
  EXPECT_EQ(scene_.world.Open(id), 1);
  scene_.world.proxy(1)->Leave(id);
  scene_.world.RunFor(absl::Seconds(2));
  const auto next = Connect("v2", core::OnMismatch::kReplaceIfIdle);
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_GT(next->session.epoch, old->session.epoch);
}

// A hold says that it is in use, though nobody is connected.
TEST_F(ReplaceTest, IfIdleLeavesAHeldSessionAloneAndNamesItsHolder) {
  const auto old = Connect("v1", core::OnMismatch::kFail);
  const SessionId id = old->session.id;
  ASSERT_TRUE(scene_.KeepAlive(id, "render-farm", absl::Minutes(5)).ok());
  const auto busy = Connect("v2", core::OnMismatch::kReplaceIfIdle);
  EXPECT_EQ(busy.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(busy.status()), "NOT_IDLE");
  EXPECT_TRUE(absl::StrContains(busy.status().message(), "\"render-farm\" holds it until"))
      << busy.status();
  EXPECT_TRUE(absl::StrContains(busy.status().message(), ": it works; release the hold"))
      << busy.status();
  const auto terminate = [&] {
    return scene_.Await<SessionView>([&](auto done) {
      scene_.core()->Terminate({.ns = kNamespace, .id = id, .only_if_idle = true}, std::move(done));
    });
  };
  const absl::Status refused = terminate().status();
  EXPECT_EQ(ReasonOf(refused), "NOT_IDLE");
  EXPECT_TRUE(absl::StrContains(refused.message(), "\"render-farm\" holds it")) << refused;
  ASSERT_TRUE(scene_.Is(id, SessionState::kReady));
  ASSERT_TRUE(scene_.KeepAlive(id, "render-farm", absl::ZeroDuration()).ok());
  const auto ended = terminate();
  EXPECT_TRUE(ended.ok()) << ended.status();
}

TEST_F(ReplaceTest, EndsAHeldSessionWhoeverHoldsIt) {
  const auto old = Connect("v1", core::OnMismatch::kFail);
  ASSERT_TRUE(scene_.KeepAlive(old->session.id, "job", absl::Minutes(5)).ok());
  const auto next = Connect("v2", core::OnMismatch::kReplace);
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_GT(next->session.epoch, old->session.epoch);
}

TEST_F(ReplaceTest, OfManyAtOnceStartsOne) {
  ASSERT_TRUE(Connect("v1", core::OnMismatch::kFail).ok());
  std::vector<std::optional<absl::StatusOr<core::ConnectResult>>> answers(50);
  for (auto& answer : answers) {
    scene_.core()->Connect(Tagged(scene_, "v2", core::OnMismatch::kReplace),
                           [&answer](absl::StatusOr<core::ConnectResult> result) {
                             answer.emplace(std::move(result));
                           });
  }
  scene_.world.RunFor(absl::Seconds(20));
  int created = 0;
  std::set<Epoch> epochs;
  for (const auto& answer : answers) {
    ASSERT_TRUE(answer.has_value());
    ASSERT_TRUE(answer->ok()) << answer->status();
    created += (*answer)->created ? 1 : 0;
    epochs.insert((*answer)->session.epoch);
  }
  EXPECT_EQ(created, 1);
  EXPECT_EQ(epochs.size(), 1u);
}

TEST_F(ReplaceTest, GivesUpWhenTheEndCanNotBeWritten) {
  ASSERT_TRUE(Connect("v1", core::OnMismatch::kFail).ok());
  scene_.on_write = [](const kube::HttpRequest& request) -> Scene::Fault {
    if (request.method != "PATCH") return std::nullopt;
    return local::LocalKubernetes::Fault{.code = 503};
  };
  const Instant start = scene_.world.clock.Now();
  const auto next = Connect("v2", core::OnMismatch::kReplace);
  EXPECT_EQ(ReasonOf(next.status()), "KUBERNETES_UNREACHABLE") << next.status();
  EXPECT_LE(scene_.world.clock.Now() - start, absl::Seconds(11));
}

// A dying session's key: the Connect waits for its end.
TEST_F(ReplaceTest, AConnectToAnEndingSessionGetsTheNext) {
  const auto old = Connect("v1", core::OnMismatch::kFail);
  const SessionId id = old->session.id;
  scene_.core()->Terminate({.ns = kNamespace, .id = id}, [](const absl::StatusOr<SessionView>&) {});
  const auto next = Connect("v1", core::OnMismatch::kFail);
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_TRUE(next->created);
  EXPECT_EQ(next->session.id, id);
  EXPECT_GT(next->session.epoch, old->session.epoch);
}

TEST_F(ReplaceTest, ATerminateOfWhatHasChangedSinceIsRefused) {
  const auto session = Connect("v1", core::OnMismatch::kFail);
  const SessionId id = session->session.id;
  const std::string etag = scene_.Get(id)->etag;
  scene_.world.proxy(0)->Request(id);
  scene_.world.RunFor(absl::Seconds(2));
  const auto end = [&](const std::string& with) {
    return scene_.Await<SessionView>([&](auto done) {
      scene_.core()->Terminate({.ns = kNamespace, .id = id, .etag = with}, std::move(done));
    });
  };
  const auto refused = end(etag);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(refused.status()), "ETAG_MISMATCH");
  ASSERT_TRUE(scene_.Is(id, SessionState::kReady));
  const auto ended = end(scene_.Get(id)->etag);
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_EQ(ended->reason, EndReason::kRequested);
}

TEST_F(ReplaceTest, AnEtagOfAnotherProcessNeverMatches) {
  const auto session = Connect("v1", core::OnMismatch::kFail);
  const std::string etag = scene_.Get(session->session.id)->etag;
  scene_.world.KillController(0);
  scene_.world.StartController(0);
  ASSERT_TRUE(scene_.AwaitLeader());
  scene_.world.RunFor(absl::Milliseconds(100));
  EXPECT_NE(scene_.Get(session->session.id)->etag, etag);
}

}  // namespace
}  // namespace spawner::sim
