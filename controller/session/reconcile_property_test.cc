// Goal: no order of events breaks the rules. Method: a random world changes around one incarnation
// whose caller does what Reconcile says, late and not always; every answer is checked.
#include <set>
#include <string>
#include <utility>

#include "base/random.h"
#include "controller/session/reconcile.h"
#include "gtest/gtest.h"

namespace spawner {
namespace {

using State = SessionState;

bool IsAllowed(State from, State to) {
  static const std::set<std::pair<State, State>> kEdges = {
      {State::kPending, State::kStarting},       {State::kPending, State::kReady},
      {State::kStarting, State::kReady},         {State::kStarting, State::kDraining},
      {State::kReady, State::kDraining},         {State::kDraining, State::kReady},
      {State::kTerminating, State::kTerminated},
  };
  if (from == to || kEdges.count({from, to}) > 0) return true;
  const bool ends = to == State::kTerminating || to == State::kTerminated;
  return ends && from != State::kTerminated;
}

class World {
 public:
  explicit World(uint64_t seed) : random_(seed) {
    SessionSpec spec = *session_.spec;
    spec.image = "app:1";
    spec.idle.grace = absl::Seconds(random_.Below(20));
    spec.idle.initial_grace = absl::Seconds(random_.Below(20));
    if (random_.OneIn(3)) spec.lifetime.max = absl::Seconds(100);
    spec.lifetime.start_timeout = absl::Seconds(30);
    spec.lifetime.stop_grace = absl::Seconds(3);
    spec.lifetime.retention = absl::Seconds(20);
    session_.spec = spec;
    session_.created_at = now_;
    session_.is_adopted = random_.OneIn(4);
    pod_.pod.uid = "u";
  }

  // Until nothing is left of the session. False: it never ended.
  void Run() {
    for (int step = 0; step < 4000 && !forgotten_; ++step) {
      Change(step);
      Decide();
      if (testing::Test::HasFatalFailure()) return;
    }
    EXPECT_TRUE(forgotten_) << "in state " << Name(session_.state);
  }

 private:
  kube::PodState& pod() { return pod_.pod; }

  kube::ContainerStatus& Backend() {
    if (pod().containers.empty()) pod().containers.push_back({.name = kBackendContainer});
    return pod().containers[0];
  }

  void Stop(int32_t code) {
    if (presence_ != PodView::Presence::kPresent || pod().node.empty()) return;
    Backend().is_running = Backend().is_ready = pod().is_ready = false;
    if (!Backend().terminated.has_value()) {
      Backend().terminated = kube::ContainerTermination{.exit_code = code};
    }
    pod().phase = code == 0 ? kube::PodPhase::kSucceeded : kube::PodPhase::kFailed;
  }

  void Change(int step) {
    const bool is_calm = step > 2000;  // then the world lets it end
    switch (random_.Below(14)) {
      case 0:
        if (presence_ == PodView::Presence::kAbsent) presence_ = PodView::Presence::kPresent;
        break;
      case 1:
        if (presence_ == PodView::Presence::kPresent) pod().node = "n";
        break;
      case 2:
        if (!pod().node.empty() && pod().phase == kube::PodPhase::kPending) {
          pod().phase = kube::PodPhase::kRunning;
          pod().ip = "10.0.0.1";
          Backend().is_running = true;
        }
        break;
      case 3:
        if (pod().phase == kube::PodPhase::kRunning) pod().is_ready = Backend().is_ready = true;
        break;
      case 4:
      case 5:
        if (!is_calm) {
          traffic_.open = random_.Below(3);
          traffic_.was_used |= traffic_.open > 0;
          if (traffic_.open == 0) traffic_.idle_since = now_;
        } else {
          traffic_.open = 0;
        }
        break;
      case 6:
        traffic_.is_known = is_calm || !random_.OneIn(3);
        break;
      case 7:
        Acknowledge(is_calm);
        break;
      case 8:
        if (random_.OneIn(60) && pod().phase == kube::PodPhase::kRunning) Stop(random_.Below(2));
        break;
      case 9:
        if (random_.OneIn(60) && presence_ == PodView::Presence::kPresent) {
          pod().deletion_time = absl::UnixEpoch();
        }
        break;
      case 10:
        if (random_.OneIn(40)) session_.decision = EndDecision{EndReason::kRequested, "", false};
        break;
      case 11:
        Kubelet();
        break;
      case 12:
        Write();
        break;
      default:
        now_ = random_.OneIn(3) && wake_at_ != Instant::Infinite()
                   ? std::max(now_, wake_at_)
                   : now_ + absl::Milliseconds(random_.Below(2000));
    }
  }

  void Acknowledge(bool is_calm) {
    routes_.published = goal_;
    routes_.is_acked = true;
    routes_.is_gate_counted = goal_ == RouteGoal::kGated;
    routes_.gate_open = traffic_.open;
    routes_.gate_waiting = is_calm ? 0 : random_.Below(8) / 7;
  }

  void Kubelet() {
    if (is_to_stop_) Stop(0);
    if (!pod().deletion_time.has_value()) return;
    Stop(143);
    presence_ = PodView::Presence::kGone;
  }

  // What the last plan asked for arrives, once.
  void Write() {
    if (presence_ != PodView::Presence::kPresent) return;
    switch (std::exchange(write_, Write::kNone)) {
      case spawner::Write::kNone:
        return;
      case spawner::Write::kEnd:
        ++ending_writes_;
        if (!pod_.end.has_value()) pod_.end = EndRecord{end_.reason, end_.message, {}};
        if (stops_) is_to_stop_ = true;
        return;
      case spawner::Write::kDelete:
      case spawner::Write::kDeleteHard:
        pod().deletion_time = absl::UnixEpoch();
        return;
    }
  }

  void Decide() {
    const PodView view = {presence_, presence_ == PodView::Presence::kAbsent ? nullptr : &pod_};
    const auto [plan, observed] = Reconcile(session_, view, traffic_, routes_, now_);
    ASSERT_TRUE(IsAllowed(session_.state, plan.state))
        << Name(session_.state) << " -> " << Name(plan.state);
    const bool is_idle =
        plan.reason == EndReason::kIdle || plan.reason == EndReason::kIdleUnconfirmed;
    if (is_idle && !session_.decision.has_value() && !pod_.end.has_value()) {
      ASSERT_EQ(traffic_.open, 0);
      ASSERT_TRUE(traffic_.is_known);
      ASSERT_EQ(routes_.gate_open + routes_.gate_waiting, 0);
      ASSERT_EQ(session_.state, State::kDraining);
    }
    if (plan.state != State::kTerminating && plan.state != State::kTerminated) {
      ASSERT_NE(plan.route, RouteGoal::kEnded);
    }
    ASSERT_GT(plan.wake_at, now_);
    // The same question has the same answer, and an asked question changes nothing.
    Session again = session_;
    again.state = plan.state;
    again.observed = observed;
    const Plan repeated = Reconcile(again, view, traffic_, routes_, now_).plan;
    ASSERT_EQ(repeated.write, plan.write);
    ASSERT_LE(ending_writes_, 1);

    session_.state = plan.state;
    session_.observed = observed;
    goal_ = plan.route;
    wake_at_ = plan.wake_at;
    forgotten_ = plan.is_forgotten;
    if (plan.write == spawner::Write::kEnd && !session_.decision.has_value()) {
      session_.decision = EndDecision{plan.reason, plan.message.value_or_empty(), false};
    }
    write_ = plan.write;
    stops_ = plan.write_stops;
    end_ = EndRecord{plan.reason, plan.message.value_or_empty(), {}};
  }

  SeededRandom random_;
  Instant now_{1'000'000'000};
  Session session_;
  SessionPod pod_;
  PodView::Presence presence_ = PodView::Presence::kAbsent;
  Traffic traffic_;
  RouteView routes_;
  RouteGoal goal_ = RouteGoal::kHold;
  spawner::Write write_ = spawner::Write::kNone;
  bool is_to_stop_ = false;  // activeDeadlineSeconds
  bool stops_ = false;
  EndRecord end_;
  Instant wake_at_ = Instant::Infinite();
  bool forgotten_ = false;
  int ending_writes_ = 0;
};

TEST(ReconcileProperties, HoldOverRandomOrdersOfEvents) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    World(seed).Run();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace spawner
