#ifndef SPAWNER_CONTROLLER_SESSION_RECONCILE_FIXTURE_H_
#define SPAWNER_CONTROLLER_SESSION_RECONCILE_FIXTURE_H_

#include <cstdint>

#include "controller/session/reconcile.h"
#include "gtest/gtest.h"

namespace spawner {

constexpr absl::Duration kGrace = absl::Seconds(10);
constexpr absl::Duration kInitialGrace = absl::Seconds(30);

// One incarnation whose caller keeps what Reconcile says, as the core does.
class ReconcileTest : public testing::Test {
 protected:
  ReconcileTest() {
    SessionSpec spec = *session_.spec;
    spec.image = "app:1";
    spec.idle.grace = kGrace;
    spec.idle.initial_grace = kInitialGrace;
    spec.lifetime.start_timeout = absl::Seconds(60);
    spec.lifetime.stop_grace = absl::Seconds(5);
    spec.lifetime.retention = absl::Seconds(100);
    session_.spec = spec;
    session_.created_at = now_;
    pod_.pod.uid = "u";
    routes_.is_acked = true;
  }

  kube::PodState& pod() { return pod_.pod; }

  Plan Step() {
    const PodView view = {presence_, presence_ == PodView::Presence::kAbsent ? nullptr : &pod_};
    auto [plan, observed] = Reconcile(session_, view, traffic_, routes_, now_);
    session_.state = plan.state;
    session_.observed = observed;
    if (plan.write == Write::kEnd && !session_.decision.has_value()) {
      session_.decision = EndDecision{plan.reason, plan.message.value_or_empty(), false};
    }
    // Proxies are told at once; what they answered is of the former route.
    if (routes_.published != plan.route) {
      routes_.published = plan.route;
      routes_.is_acked = !slow_proxies_;
      routes_.is_gate_counted = plan.route == RouteGoal::kGated && !slow_proxies_;
    }
    return plan;
  }

  Plan StepAfter(absl::Duration d) {
    now_ = now_ + d;
    return Step();
  }

  kube::ContainerStatus& Backend() {
    if (pod().containers.empty()) pod().containers.push_back({.name = kBackendContainer});
    return pod().containers[0];
  }

  void Create() { presence_ = PodView::Presence::kPresent; }
  void Run() {
    Create();
    pod().node = "n1";
    pod().phase = kube::PodPhase::kRunning;
    pod().ip = "10.0.0.1";
    Backend().is_running = true;
  }
  void MakeReady() {
    Run();
    pod().is_ready = true;
    Backend().is_ready = true;
    Step();
    ASSERT_EQ(Step().state, SessionState::kReady);
  }
  void Use() {
    traffic_.open = 1;
    traffic_.was_used = true;
    Step();
  }
  void Leave() {
    traffic_.open = 0;
    traffic_.idle_since = now_;
    Step();
  }
  void Exit(int32_t code, const char* reason = "Error") {
    Backend().is_running = false;
    Backend().is_ready = false;
    Backend().terminated = kube::ContainerTermination{.exit_code = code, .reason = reason};
    pod().is_ready = false;
    pod().phase = code == 0 ? kube::PodPhase::kSucceeded : kube::PodPhase::kFailed;
  }
  // The ending write arrived.
  void MakeDurable(const Plan& plan) {
    pod_.end = EndRecord{plan.reason, plan.message.value_or_empty(), absl::UnixEpoch()};
  }

  Instant now_{1'000'000'000'000};
  Session session_;
  SessionPod pod_;
  PodView::Presence presence_ = PodView::Presence::kAbsent;
  Traffic traffic_;
  RouteView routes_;
  bool slow_proxies_ = false;
};

}  // namespace spawner

#endif  // SPAWNER_CONTROLLER_SESSION_RECONCILE_FIXTURE_H_
