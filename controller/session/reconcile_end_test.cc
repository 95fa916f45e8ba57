// How sessions end other than as idle.
#include "controller/session/limits.h"
#include "controller/session/reconcile.h"
#include "controller/session/reconcile_fixture.h"
#include "gtest/gtest.h"

namespace spawner {
namespace {

class ReconcileEndTest : public ReconcileTest {};

TEST_F(ReconcileEndTest, EndsAtItsLifetimeHoweverBusy) {
  SessionSpec spec = *session_.spec;
  spec.lifetime.max = absl::Seconds(50);
  session_.spec = spec;
  MakeReady();
  Use();
  EXPECT_EQ(Step().wake_at, session_.created_at + absl::Seconds(50));
  const Plan plan = StepAfter(absl::Seconds(50));
  EXPECT_EQ(plan.write, Write::kEnd);
  EXPECT_EQ(plan.reason, EndReason::kMaxLifetime);
  EXPECT_EQ(plan.route, RouteGoal::kOpen);
}

TEST_F(ReconcileEndTest, SoftEndOnRequestLeavesStoppingToTheKubelet) {
  MakeReady();
  Use();
  session_.decision = EndDecision{EndReason::kRequested, "asked", false};
  Plan plan = Step();
  EXPECT_EQ(plan.write, Write::kEnd);
  EXPECT_EQ(plan.state, SessionState::kReady);
  MakeDurable(plan);
  plan = Step();
  EXPECT_EQ(plan.state, SessionState::kTerminating);
  EXPECT_EQ(plan.write, Write::kNone);
  EXPECT_EQ(plan.wake_at, now_ + absl::Seconds(5) + kStopSlack);
  EXPECT_EQ(StepAfter(absl::Seconds(5) + kStopSlack).write, Write::kDelete);
}

TEST_F(ReconcileEndTest, HardEndDeletesOnceTheReasonIsDurable) {
  MakeReady();
  session_.decision = EndDecision{EndReason::kRequested, "asked", true};
  MakeDurable(Step());
  EXPECT_EQ(Step().write, Write::kDeleteHard);
  pod().deletion_time = absl::UnixEpoch();
  EXPECT_EQ(Step().write, Write::kNone);
  presence_ = PodView::Presence::kGone;
  const Plan plan = Step();
  EXPECT_EQ(plan.state, SessionState::kTerminated);
  EXPECT_EQ(plan.reason, EndReason::kRequested);
  EXPECT_FALSE(plan.is_forgotten);
  EXPECT_TRUE(StepAfter(absl::Seconds(100)).is_forgotten);
}

struct ExitCase {
  int32_t code;
  const char* kube_reason;
  EndReason reason;
  const char* message;
};

TEST_F(ReconcileEndTest, RecordsWhyTheBackendLeft) {
  const ExitCase cases[] = {
      {0, "Completed", EndReason::kExited, "the backend left with exit code 0"},
      {3, "Error", EndReason::kCrashed, "the backend left with exit code 3"},
      {139, "Error", EndReason::kCrashed, "the backend left with exit code 139 (signal 11)"},
      {137, "OOMKilled", EndReason::kOomKilled,
       "the kernel killed the backend for its memory limit; raise resources.limits.memory"},
      {128, "StartError", EndReason::kCrashed, "the backend left with exit code 128: StartError"},
  };
  MakeReady();
  for (const ExitCase& c : cases) {
    Exit(c.code, c.kube_reason);
    session_.decision.reset();
    session_.state = SessionState::kReady;
    const Plan plan = Step();
    EXPECT_EQ(plan.state, SessionState::kTerminating) << "it is not recorded yet";
    EXPECT_EQ(plan.reason, c.reason) << c.code;
    EXPECT_EQ(plan.message, c.message);
    EXPECT_EQ(plan.exit_code, c.code);
    EXPECT_EQ(plan.route, RouteGoal::kEnded);
    EXPECT_EQ(plan.write, Write::kEnd);
    EXPECT_FALSE(plan.write_stops);
  }
}

TEST_F(ReconcileEndTest, ABackendThatNeverRanHasNoExitCode) {
  Create();
  pod().node = "n1";
  pod_.end = EndRecord{EndReason::kImagePullFailed, "no such image", absl::UnixEpoch()};
  Exit(137, "ContainerStatusUnknown");  // what a kubelet writes when it ends such a pod
  const Plan plan = Step();
  EXPECT_EQ(plan.reason, EndReason::kImagePullFailed);
  EXPECT_FALSE(plan.exit_code.has_value());
}

TEST_F(ReconcileEndTest, QuotesTheLastLinesOfABackendThatFailed) {
  MakeReady();
  Exit(1);
  Backend().terminated->message = "opening db\nno such table\n";
  EXPECT_EQ(Step().message, "the backend left with exit code 1: opening db\nno such table");
}

TEST_F(ReconcileEndTest, StopsTheSidecarsOfABackendThatLeft) {
  MakeReady();
  pod().containers.push_back({.name = "sidecar", .is_running = true});
  Exit(1);
  pod().phase = kube::PodPhase::kRunning;
  const Plan plan = Step();
  EXPECT_EQ(plan.state, SessionState::kTerminating);
  EXPECT_EQ(plan.reason, EndReason::kCrashed);
  EXPECT_TRUE(plan.write_stops);
}

TEST_F(ReconcileEndTest, AForeignDeletionGoesWithoutUsAndIsRemembered) {
  MakeReady();
  pod().deletion_time = absl::UnixEpoch();
  Plan plan = Step();
  EXPECT_EQ(plan.state, SessionState::kTerminating);
  EXPECT_EQ(plan.reason, EndReason::kDeleted);
  EXPECT_EQ(plan.route, RouteGoal::kEnded);
  EXPECT_EQ(plan.write, Write::kNone);
  Exit(143);
  plan = Step();
  EXPECT_EQ(plan.state, SessionState::kTerminated);
  EXPECT_EQ(plan.write, Write::kNone);
  presence_ = PodView::Presence::kGone;
  plan = Step();
  EXPECT_EQ(plan.reason, EndReason::kDeleted);
  EXPECT_EQ(plan.exit_code, 143);
  EXPECT_FALSE(plan.is_forgotten);
  EXPECT_TRUE(StepAfter(absl::Seconds(100)).is_forgotten);
}

TEST_F(ReconcileEndTest, AnEvictionIsNamedSo) {
  MakeReady();
  pod().deletion_time = absl::UnixEpoch();
  pod().disruption_reason = std::string("EvictionByEvictionAPI");
  EXPECT_EQ(Step().reason, EndReason::kEvicted);
}

TEST_F(ReconcileEndTest, ADeletedPodThatWasNeverScheduledHasEnded) {
  Create();
  pod().deletion_time = absl::UnixEpoch();
  const Plan plan = Step();
  EXPECT_EQ(plan.state, SessionState::kTerminated);
  EXPECT_EQ(plan.write, Write::kNone);
}

TEST_F(ReconcileEndTest, ARecordThatIsDeletedBeforeItsRetentionIsRememberedAsItWas) {
  MakeReady();
  session_.decision = EndDecision{EndReason::kRequested, "asked", false};
  MakeDurable(Step());
  Exit(0);
  ASSERT_EQ(Step().state, SessionState::kTerminated);
  pod().deletion_time = absl::UnixEpoch();  // by a drain
  EXPECT_EQ(Step().write, Write::kNone);
  presence_ = PodView::Presence::kGone;
  const Plan plan = Step();
  EXPECT_EQ(plan.reason, EndReason::kRequested);
  EXPECT_EQ(plan.exit_code, 0);
  EXPECT_FALSE(plan.is_forgotten);
}

TEST_F(ReconcileEndTest, ASilentNodeIsAConditionThenAnEnd) {
  session_.node_lost_after = absl::Seconds(40);
  MakeReady();
  Use();
  pod().is_ready = false;  // while the container's last word was ready
  Plan plan = Step();
  EXPECT_TRUE(plan.is_lost);
  EXPECT_EQ(plan.state, SessionState::kReady);
  pod().is_ready = true;
  EXPECT_FALSE(StepAfter(absl::Seconds(39)).is_lost);
  pod().is_ready = false;
  EXPECT_EQ(StepAfter(absl::Seconds(1)).write, Write::kNone);
  plan = StepAfter(absl::Seconds(40));
  EXPECT_EQ(plan.write, Write::kEnd);
  EXPECT_EQ(plan.reason, EndReason::kNodeLost);
}

TEST_F(ReconcileEndTest, ASessionOnASilentNodeDoesNotEndAsIdle) {
  MakeReady();
  pod().is_ready = false;
  EXPECT_EQ(StepAfter(kInitialGrace * 2).state, SessionState::kReady);
}

TEST_F(ReconcileEndTest, APodThatFailedWithoutItsBackendIsAnInternalEnd) {
  Create();
  pod().node = "n1";
  pod().phase = kube::PodPhase::kFailed;
  pod().status_reason = std::string("UnexpectedAdmissionError");
  EXPECT_EQ(Step().reason, EndReason::kInternal);
  pod().status_reason = std::string("OutOfcpu");
  session_.decision.reset();
  EXPECT_EQ(Step().reason, EndReason::kUnschedulable);
}

TEST_F(ReconcileEndTest, ARecordThatIsNeededForLongerOutlivesItsRetention) {
  MakeReady();
  session_.decision = EndDecision{EndReason::kRequested, "asked", false};
  MakeDurable(Step());
  Exit(0);
  session_.keep_until = now_ + absl::Seconds(500);
  EXPECT_EQ(Step().write, Write::kNone);
  EXPECT_EQ(StepAfter(absl::Seconds(499)).write, Write::kNone);
  EXPECT_EQ(StepAfter(absl::Seconds(1)).write, Write::kDelete);
  session_.keep_until = now_ + absl::Seconds(500);
  presence_ = PodView::Presence::kGone;
  EXPECT_FALSE(StepAfter(absl::Seconds(499)).is_forgotten);
  session_.keep_until = {};
  EXPECT_TRUE(Step().is_forgotten);
}

TEST_F(ReconcileEndTest, APodThatVanishedIsRememberedAsDeleted) {
  MakeReady();
  presence_ = PodView::Presence::kGone;
  const Plan plan = Step();
  EXPECT_EQ(plan.state, SessionState::kTerminated);
  EXPECT_EQ(plan.reason, EndReason::kDeleted);
  EXPECT_EQ(plan.wake_at, now_ + absl::Seconds(100));
}

}  // namespace
}  // namespace spawner
