// WaitSession: who waits for a session's state gets one answer, true, and in time.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "base/status.h"
#include "gtest/gtest.h"
#include "tests/sim/scene.h"

namespace spawner::sim {
namespace {

class WaitTest : public testing::Test {
 protected:
  using Answer = std::shared_ptr<std::optional<absl::StatusOr<SessionView>>>;

  Answer Wait(const SessionId& id, std::vector<SessionState> states,
              absl::Duration timeout = absl::Minutes(1), Epoch epoch = {}) {
    auto answer = std::make_shared<std::optional<absl::StatusOr<SessionView>>>();
    wait_ = scene_.core()->Wait({kNamespace, id, std::move(states), timeout, epoch},
                                [answer](absl::StatusOr<SessionView> view) {
                                  EXPECT_FALSE(answer->has_value()) << "answered twice";
                                  answer->emplace(std::move(view));
                                });
    return answer;
  }
  SessionId Start(const std::string& key) {
    auto ask = scene_.Ask(key);
    ask.wait_until_ready = false;
    const auto result = scene_.Connect(std::move(ask));
    return result.ok() ? result->session.id : SessionId();
  }
  bool IsAnswered(const Answer& answer, absl::Duration within) {
    return scene_.world.RunUntil([&answer] { return answer->has_value(); }, within);
  }

  Scene scene_{5};
  core::Service::WaitId wait_ = 0;
};

TEST_F(WaitTest, IsAnsweredAtOnceWhereTheStateIsThere) {
  const SessionId id = scene_.Ready("doc");
  const Answer answer = Wait(id, {SessionState::kReady});
  EXPECT_EQ(wait_, 0u);
  ASSERT_TRUE(answer->has_value());
  ASSERT_TRUE((*answer)->ok());
  EXPECT_EQ((**answer)->state, SessionState::kReady);
}

TEST_F(WaitTest, IsAnsweredWhenTheStateComes) {
  local::PodScript script;
  script.start_after = absl::Seconds(3);
  scene_.world.runtime.SetScript("app:1", script);
  const SessionId id = Start("doc");
  const Answer ready = Wait(id, {SessionState::kReady});
  EXPECT_NE(wait_, 0u);
  EXPECT_FALSE(ready->has_value());
  ASSERT_TRUE(IsAnswered(ready, absl::Seconds(10)));
  ASSERT_TRUE((*ready)->ok()) << (*ready)->status();
  EXPECT_EQ((**ready)->state, SessionState::kReady);
  const Answer over = Wait(id, {SessionState::kTerminated});
  ASSERT_TRUE(IsAnswered(over, absl::Seconds(60)));
  ASSERT_TRUE((*over)->ok()) << (*over)->status();
  EXPECT_EQ((**over)->reason, EndReason::kIdle);
}

TEST_F(WaitTest, SaysInWhichPhaseItHung) {
  local::PodScript script;
  script.start_after = absl::Hours(1);
  scene_.world.runtime.SetScript("app:1", script);
  const SessionId id = Start("doc");
  const Instant start = scene_.world.clock.Now();
  const Answer answer = Wait(id, {SessionState::kReady}, absl::Seconds(7));
  ASSERT_TRUE(IsAnswered(answer, absl::Seconds(30)));
  EXPECT_EQ(scene_.world.clock.Now() - start, absl::Seconds(7));
  const absl::Status status = (*answer)->status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(ReasonOf(status), "WAIT_TIMEOUT");
  EXPECT_TRUE(absl::StrContains(status.message(), "it is STARTING, in phase")) << status;
}

TEST_F(WaitTest, EndsWithTheReasonWhenTheSessionDoes) {
  const SessionId id = scene_.Ready("doc");
  const Epoch epoch = scene_.Get(id)->epoch;
  const Answer answer = Wait(id, {SessionState::kStarting});
  ASSERT_TRUE(IsAnswered(answer, absl::Seconds(60)));
  EXPECT_EQ((*answer)->status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf((*answer)->status()), "SESSION_ENDING");
  EXPECT_TRUE(absl::StrContains((*answer)->status().message(), "IDLE")) << (*answer)->status();
  // It does not wait for what comes after, if one incarnation was asked for.
  const SessionId next = scene_.Ready("doc");
  EXPECT_EQ(next, id);
  const Answer old = Wait(id, {SessionState::kReady}, absl::Minutes(1), epoch);
  ASSERT_TRUE(old->has_value());
  EXPECT_EQ(ReasonOf((*old)->status()), "SESSION_ENDING");
  const Answer newest = Wait(id, {SessionState::kReady});
  ASSERT_TRUE(newest->has_value());
  ASSERT_TRUE((*newest)->ok());
  EXPECT_GT((**newest)->epoch, epoch);
}

TEST_F(WaitTest, OfAnUnknownSessionIsNotFound) {
  const Answer answer = Wait({"nobody"}, {SessionState::kReady});
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ(ReasonOf((*answer)->status()), "SESSION_NOT_FOUND");
}

TEST_F(WaitTest, ThatIsCancelledIsForgotten) {
  const SessionId id = scene_.Ready("doc");
  const Answer answer = Wait(id, {SessionState::kTerminated});
  ASSERT_NE(wait_, 0u);
  scene_.core()->CancelWait(wait_);
  ASSERT_TRUE(scene_.Reaches(id, SessionState::kTerminated, absl::Minutes(1)));
  scene_.world.RunFor(absl::Minutes(2));
  EXPECT_FALSE(answer->has_value());
}

TEST_F(WaitTest, IsGivenUpWhenTheForgottenSessionCanNotComeBack) {
  scene_.spec.lifetime.retention = absl::Seconds(3);
  const SessionId id = scene_.Ready("doc");
  const Answer answer = Wait(id, {SessionState::kPending, SessionState::kTerminated});
  ASSERT_TRUE(IsAnswered(answer, absl::Minutes(1)));
  EXPECT_TRUE((*answer)->ok());
}

}  // namespace
}  // namespace spawner::sim
