#include "controller/session/reconcile.h"

#include "controller/session/limits.h"
#include "controller/session/reconcile_fixture.h"
#include "gtest/gtest.h"

namespace spawner {
namespace {

TEST_F(ReconcileTest, IsPendingUntilItsPodExists) {
  const Plan plan = Step();
  EXPECT_EQ(plan.state, SessionState::kPending);
  EXPECT_EQ(plan.route, RouteGoal::kHold);
  EXPECT_EQ(plan.write, Write::kNone);
}

TEST_F(ReconcileTest, TellsThePhasesOfAStart) {
  Create();
  EXPECT_EQ(Step().phase, StartPhase::kScheduling);
  pod().node = "n1";
  EXPECT_EQ(Step().phase, StartPhase::kPulling);
  Run();
  Plan plan = Step();
  EXPECT_EQ(plan.phase, StartPhase::kStarted);
  EXPECT_EQ(plan.state, SessionState::kStarting);
  EXPECT_EQ(plan.route, RouteGoal::kHold);
  EXPECT_EQ(plan.wake_at, session_.created_at + absl::Seconds(60));
  slow_proxies_ = true;
  pod().is_ready = true;
  plan = Step();
  EXPECT_EQ(plan.phase, StartPhase::kRouting);
  EXPECT_EQ(plan.route, RouteGoal::kOpen);
}

TEST_F(ReconcileTest, IsReadyWhenEveryProxyHasAcknowledgedTheOpenRoute) {
  slow_proxies_ = true;
  Run();
  pod().is_ready = true;
  EXPECT_EQ(Step().state, SessionState::kStarting);
  routes_.is_acked = true;
  const Plan plan = Step();
  EXPECT_EQ(plan.state, SessionState::kReady);
  EXPECT_EQ(plan.phase, StartPhase::kNone);
}

TEST_F(ReconcileTest, IsReadyAfterOneSecondWithoutTheSlowestProxy) {
  slow_proxies_ = true;
  Run();
  pod().is_ready = true;
  EXPECT_EQ(Step().wake_at, now_ + kRouteAckWaitMax);
  EXPECT_EQ(StepAfter(kRouteAckWaitMax - absl::Nanoseconds(1)).state, SessionState::kStarting);
  EXPECT_EQ(StepAfter(absl::Nanoseconds(1)).state, SessionState::kReady);
}

TEST_F(ReconcileTest, EndsWhatIsNotReadyInTime) {
  Run();
  EXPECT_EQ(StepAfter(absl::Seconds(59)).write, Write::kNone);
  const Plan plan = StepAfter(absl::Seconds(1));
  EXPECT_EQ(plan.write, Write::kEnd);
  EXPECT_TRUE(plan.write_stops);
  EXPECT_EQ(plan.reason, EndReason::kStartTimeout);
  EXPECT_EQ(plan.message, "not ready within 1m, hung in STARTED");
  EXPECT_EQ(plan.state, SessionState::kStarting);  // until it is durable
}

TEST_F(ReconcileTest, NamesTheSchedulersReasonAtTheDeadline) {
  Create();
  pod().unschedulable_message = std::string("0/1 nodes: insufficient cpu");
  EXPECT_EQ(Step().message, "no node fits the pod: 0/1 nodes: insufficient cpu");
  Plan plan = StepAfter(absl::Seconds(60));
  EXPECT_EQ(plan.reason, EndReason::kUnschedulable);
  MakeDurable(plan);
  plan = Step();
  EXPECT_EQ(plan.state, SessionState::kTerminating);
  EXPECT_EQ(plan.write, Write::kDelete);  // no kubelet will ever stop it
}

TEST_F(ReconcileTest, GivesUpAnImageAfterAShortPatience) {
  Create();
  pod().node = "n1";
  Backend().waiting.Edit().reason = "ErrImagePull";
  Backend().waiting.Edit().message = "manifest unknown";
  EXPECT_EQ(Step().wake_at, now_ + kImageErrorPatience);
  Backend().waiting.Edit().reason = "ContainerCreating";
  EXPECT_EQ(StepAfter(absl::Seconds(1)).write, Write::kNone);
  Backend().waiting.Edit().reason = "ImagePullBackOff";
  const Plan plan = StepAfter(kImageErrorPatience - absl::Seconds(1));
  EXPECT_EQ(plan.write, Write::kEnd);
  EXPECT_EQ(plan.reason, EndReason::kImagePullFailed);
  EXPECT_EQ(plan.message,
            "can't pull the image of container backend: ImagePullBackOff: manifest unknown");
}

TEST_F(ReconcileTest, GivesUpAnImpossibleImageAtOnce) {
  Create();
  Backend().waiting.Edit().reason = "InvalidImageName";
  EXPECT_EQ(Step().reason, EndReason::kImagePullFailed);
}

TEST_F(ReconcileTest, GraceRunsFromTheMomentTheLastConnectionClosed) {
  MakeReady();
  Use();
  now_ = now_ + absl::Seconds(1000);
  EXPECT_FALSE(Step().idle_deadline.has_value());
  Leave();
  Plan plan = Step();
  EXPECT_EQ(plan.idle_deadline, now_ + kGrace);
  EXPECT_EQ(plan.wake_at, now_ + kGrace);
  EXPECT_EQ(StepAfter(kGrace - absl::Nanoseconds(1)).state, SessionState::kReady);
  plan = StepAfter(absl::Nanoseconds(1));
  EXPECT_EQ(plan.state, SessionState::kDraining);
  EXPECT_EQ(plan.route, RouteGoal::kGated);
  EXPECT_EQ(plan.write, Write::kNone);
}

TEST_F(ReconcileTest, InitialGraceRunsFromReadyBeforeTheFirstConnection) {
  MakeReady();
  EXPECT_EQ(Step().idle_deadline, now_ + kInitialGrace);
  EXPECT_EQ(StepAfter(kInitialGrace).state, SessionState::kDraining);
}

TEST_F(ReconcileTest, GivesATakenOverSessionTheLongerGrace) {
  session_.is_adopted = true;
  MakeReady();
  EXPECT_EQ(Step().idle_deadline, now_ + kInitialGrace);
}

TEST_F(ReconcileTest, EndsAsIdleWhenEveryProxyCountedZeroBehindTheGate) {
  MakeReady();
  EXPECT_EQ(StepAfter(kInitialGrace).state, SessionState::kDraining);
  Plan plan = Step();
  EXPECT_EQ(plan.write, Write::kEnd);
  EXPECT_TRUE(plan.write_stops);
  EXPECT_EQ(plan.reason, EndReason::kIdle);
  EXPECT_EQ(plan.state, SessionState::kDraining);
  EXPECT_EQ(plan.route, RouteGoal::kGated);
  MakeDurable(plan);
  plan = Step();
  EXPECT_EQ(plan.state, SessionState::kTerminating);
  EXPECT_EQ(plan.route, RouteGoal::kEnded);
  EXPECT_EQ(plan.write, Write::kNone);
  Exit(0);
  plan = Step();
  EXPECT_EQ(plan.state, SessionState::kTerminated);
  EXPECT_EQ(plan.reason, EndReason::kIdle);
  EXPECT_EQ(plan.exit_code, 0);
  EXPECT_EQ(plan.wake_at, now_ + absl::Seconds(100));
  EXPECT_EQ(StepAfter(absl::Seconds(100)).write, Write::kDelete);
  presence_ = PodView::Presence::kGone;
  EXPECT_TRUE(Step().is_forgotten);
}

TEST_F(ReconcileTest, ReturnsToReadyWhenAConnectionSlippedInBeforeTheDrain) {
  MakeReady();
  StepAfter(kInitialGrace);
  routes_.gate_open = 1;
  const Plan plan = Step();
  EXPECT_EQ(plan.state, SessionState::kReady);
  EXPECT_EQ(plan.route, RouteGoal::kOpen);
  EXPECT_TRUE(plan.was_refused);
  EXPECT_EQ(plan.write, Write::kNone);
  EXPECT_EQ(Step().idle_deadline, now_ + kInitialGrace);  // anew from the refusal
}

TEST_F(ReconcileTest, ReturnsToReadyWhenARequestWaitsBehindTheGate) {
  MakeReady();
  StepAfter(kInitialGrace);
  routes_.gate_waiting = 1;
  EXPECT_EQ(Step().state, SessionState::kReady);
}

TEST_F(ReconcileTest, ReturnsToReadyWhenUseIsReportedBehindACountedGate) {
  MakeReady();
  StepAfter(kInitialGrace);
  traffic_.open = 1;
  EXPECT_EQ(Step().state, SessionState::kReady);
}

TEST_F(ReconcileTest, ReturnsToReadyWhenAConnectCameBehindTheGate) {
  MakeReady();
  StepAfter(kInitialGrace);
  traffic_.idle_since = now_;
  const Plan plan = Step();
  EXPECT_EQ(plan.state, SessionState::kReady);
  EXPECT_FALSE(plan.was_refused);
}

TEST_F(ReconcileTest, ADecidedEndHasNoWayBack) {
  MakeReady();
  StepAfter(kInitialGrace);
  ASSERT_EQ(Step().write, Write::kEnd);
  traffic_.open = 1;  // waits behind the gate for the next incarnation
  const Plan plan = Step();
  EXPECT_EQ(plan.write, Write::kEnd);
  EXPECT_EQ(plan.reason, EndReason::kIdle);
  EXPECT_EQ(plan.route, RouteGoal::kGated);
}

TEST_F(ReconcileTest, OpensAGateThatAProxyDoesNotAnswer) {
  MakeReady();
  slow_proxies_ = true;
  EXPECT_EQ(StepAfter(kInitialGrace).wake_at, now_ + kGateWaitMax);
  Plan plan = StepAfter(kGateWaitMax);
  EXPECT_EQ(plan.state, SessionState::kReady);
  EXPECT_EQ(plan.wake_at, now_ + kGateRetryAfter);
  EXPECT_EQ(StepAfter(kGateRetryAfter).state, SessionState::kDraining);
}

TEST_F(ReconcileTest, UnknownIsNeverIdle) {
  traffic_.is_known = false;
  traffic_.known_at = now_ + absl::Minutes(10);
  MakeReady();
  Plan plan = StepAfter(absl::Minutes(9));
  EXPECT_EQ(plan.state, SessionState::kReady);
  EXPECT_FALSE(plan.idle_deadline.has_value());
  EXPECT_EQ(plan.wake_at, traffic_.known_at);
}

TEST_F(ReconcileTest, OpensTheGateWhenAProxyIsLostBehindIt) {
  MakeReady();
  slow_proxies_ = true;
  EXPECT_EQ(StepAfter(kInitialGrace).state, SessionState::kDraining);
  traffic_.is_known = false;
  EXPECT_EQ(Step().state, SessionState::kReady);
}

TEST_F(ReconcileTest, IsUnconfirmedWhenALostProxyWasGivenUp) {
  MakeReady();
  traffic_.unconfirmed_proxy = "proxy-2";
  StepAfter(kInitialGrace);
  const Plan plan = Step();
  EXPECT_EQ(plan.reason, EndReason::kIdleUnconfirmed);
  EXPECT_EQ(plan.message,
            "nobody was connected for 30s; proxy proxy-2 was lost and could not be asked");
}

TEST_F(ReconcileTest, KeepNeverEndsAsIdle) {
  SessionSpec spec = *session_.spec;
  spec.idle.never = true;
  session_.spec = spec;
  MakeReady();
  const Plan plan = StepAfter(absl::Hours(1000));
  EXPECT_EQ(plan.state, SessionState::kReady);
  EXPECT_EQ(plan.wake_at, Instant::Infinite());
}

}  // namespace
}  // namespace spawner
