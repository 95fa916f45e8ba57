#include "controller/session/reconcile.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "controller/session/limits.h"
#include "controller/session/pod_facts.h"

namespace spawner {
namespace {

// One call of Reconcile.
class Turn {
 public:
  Turn(const Session& session, const PodView& view, const Traffic& traffic, const RouteView& routes,
       Instant now)
      : session_(session),
        view_(view),
        traffic_(traffic),
        routes_(routes),
        now_(now),
        observed_(session.observed) {}

  Verdict Run() {
    if (session_.spec->lifetime.max != absl::InfiniteDuration()) {
      plan_.lifetime_deadline = LifetimeEnd();
    }
    if (view_.presence == PodView::Presence::kAbsent) {
      plan_.state = SessionState::kPending;
      plan_.route = RouteGoal::kHold;
    } else if (view_.presence == PodView::Presence::kGone) {
      Gone();
    } else {
      SPAWNER_CHECK(view_.pod != nullptr);
      Present();
    }
    Warn();
    return {std::move(plan_), observed_};
  }

 private:
  const kube::PodState& pod() const { return view_.pod->pod; }
  Instant LifetimeEnd() const { return session_.created_at + session_.spec->lifetime.max; }
  void WakeBy(Instant at) { plan_.wake_at = std::min(plan_.wake_at, at); }

  void Present() {
    plan_.exit_code = FindExitCode(pod());
    const auto backend_end = FindBackendEnd(pod());
    if (view_.pod->end.has_value() || pod().deletion_time.has_value() || backend_end.has_value()) {
      Ending();
    } else if (session_.decision.has_value()) {
      KeepStateAndWriteEnd(session_.decision->reason, session_.decision->message);
    } else {
      Live();
    }
  }

  // --- the end ---------------------------------------------------------------------------------

  // What is durable, before what we decided, before what we see.
  Cause EndCause() const {
    if (view_.pod != nullptr && view_.pod->end.has_value()) {
      return {view_.pod->end->reason, view_.pod->end->message};
    }
    if (session_.decision.has_value()) {
      return {session_.decision->reason, session_.decision->message};
    }
    if (view_.pod == nullptr) return {EndReason::kDeleted, "its pod is gone"};
    if (pod().deletion_time.has_value() || view_.presence == PodView::Presence::kGone) {
      return FindDeletionCause(pod());
    }
    return FindBackendEnd(pod()).value_or(Cause{EndReason::kInternal, "ended without a cause"});
  }

  void TakeCause() {
    Cause cause = EndCause();
    plan_.reason = cause.reason;
    if (!cause.message.empty()) plan_.message = std::move(cause.message);
    plan_.route = RouteGoal::kEnded;
  }

  void Gone() {
    TakeCause();
    if (view_.pod != nullptr) plan_.exit_code = FindExitCode(pod());
    plan_.state = SessionState::kTerminated;
    if (!observed_.ended_at.has_value()) observed_.ended_at = now_;
    const Instant until = RetainedUntil();
    plan_.is_forgotten = now_ >= until;
    if (!plan_.is_forgotten) WakeBy(until);
  }

  void Ending() {
    TakeCause();
    const bool is_deleting = pod().deletion_time.has_value();
    const bool was_never_scheduled = pod().node.empty();
    // No process is left, or none was ever started and none will be.
    const bool is_stopped =
        observed_.ended_at.has_value() || IsStopped(pod()) || (is_deleting && was_never_scheduled);
    // Over is what is durable: by our record, or because the pod goes and takes all with it.
    const bool is_recorded = view_.pod->end.has_value() || is_deleting;
    plan_.state =
        is_stopped && is_recorded ? SessionState::kTerminated : SessionState::kTerminating;
    if (!observed_.stopping_at.has_value()) observed_.stopping_at = now_;
    if (is_stopped && !observed_.ended_at.has_value()) observed_.ended_at = now_;
    const Instant patience =
        *observed_.stopping_at + session_.spec->lifetime.stop_grace + kStopSlack;

    // It goes without us, and its record with it: from then on the end is in our memory only.
    if (is_deleting) return;
    if (!view_.pod->end.has_value()) {
      WriteEnd(/*stops=*/!is_stopped);
    } else if (is_stopped) {
      DeleteAt(RetainedUntil(), Write::kDelete);
    } else if (session_.decision.has_value() && session_.decision->is_hard) {
      DeleteAt(now_, Write::kDeleteHard);
    } else if (was_never_scheduled) {
      DeleteAt(now_, Write::kDelete);  // no kubelet would ever stop it
    } else {
      DeleteAt(patience, Write::kDelete);
    }
  }

  Instant RetainedUntil() {
    const absl::Duration retention =
        session_.is_surplus ? absl::ZeroDuration() : session_.spec->lifetime.retention;
    return std::max(*observed_.ended_at + retention, session_.keep_until);
  }

  void WriteEnd(bool stops) {
    plan_.write = Write::kEnd;
    plan_.write_stops = stops;
  }

  void DeleteAt(Instant at, Write write) {
    if (now_ >= at) {
      plan_.write = write;
    } else {
      WakeBy(at);
    }
  }

  // The state changes when the reason is durable, not before.
  void KeepStateAndWriteEnd(EndReason reason, std::string message) {
    plan_.reason = reason;
    plan_.message = std::move(message);
    plan_.state = session_.state;
    switch (session_.state) {
      case SessionState::kReady:
        plan_.route = RouteGoal::kOpen;
        break;
      case SessionState::kDraining:
        plan_.route = RouteGoal::kGated;
        break;
      case SessionState::kPending:
      case SessionState::kStarting:
        plan_.state = SessionState::kStarting;
        plan_.phase = FindStartPhase(pod());
        plan_.route = observed_.open_at.has_value() ? RouteGoal::kOpen : RouteGoal::kHold;
        break;
      case SessionState::kTerminating:  // an end that was durable stays so
      case SessionState::kTerminated:
        plan_.route = RouteGoal::kEnded;
        break;
    }
    WriteEnd(/*stops=*/true);
  }

  // --- life ------------------------------------------------------------------------------------

  void Live() {
    if (plan_.lifetime_deadline.has_value()) {
      if (now_ >= LifetimeEnd()) {
        return KeepStateAndWriteEnd(
            EndReason::kMaxLifetime,
            absl::StrCat("its lifetime of ", absl::FormatDuration(session_.spec->lifetime.max),
                         " is over"));
      }
      WakeBy(LifetimeEnd());
    }
    if (IsNodeSilent(pod()) && observed_.open_at.has_value()) {
      if (!observed_.lost_at.has_value()) observed_.lost_at = now_;
      plan_.is_lost = true;
      const Instant until = *observed_.lost_at + session_.node_lost_after;
      if (now_ >= until) {
        return KeepStateAndWriteEnd(EndReason::kNodeLost,
                                    absl::StrCat("node ", pod().node, " does not answer"));
      }
      WakeBy(until);
    } else {
      observed_.lost_at.reset();
    }
    if (observed_.ready_at.has_value()) {
      Serve();
    } else {
      Start();
    }
  }

  void Start() {
    plan_.state = SessionState::kStarting;
    if (!observed_.open_at.has_value() && pod().is_ready && !pod().ip.empty()) {
      observed_.open_at = now_;
    }
    if (!observed_.open_at.has_value()) return StartPod();
    const Instant until = *observed_.open_at + kRouteAckWaitMax;
    const bool is_acked = routes_.published == RouteGoal::kOpen && routes_.is_acked;
    if (is_acked || now_ >= until) {
      observed_.ready_at = now_;
      return Serve();
    }
    plan_.phase = StartPhase::kRouting;
    plan_.route = RouteGoal::kOpen;
    WakeBy(until);
  }

  void StartPod() {
    plan_.phase = FindStartPhase(pod());
    plan_.route = RouteGoal::kHold;
    const auto image_error = FindImageError(pod());
    if (image_error.has_value()) {
      // Latched: between two tries kubelet shows no error for a moment.
      if (!observed_.image_error_at.has_value()) observed_.image_error_at = now_;
      const Instant until = *observed_.image_error_at + kImageErrorPatience;
      if (image_error->is_final || now_ >= until) {
        return KeepStateAndWriteEnd(EndReason::kImagePullFailed, image_error->message);
      }
      WakeBy(until);
    } else if (plan_.phase == StartPhase::kStarted) {
      observed_.image_error_at.reset();
    }
    const Instant until = session_.created_at + session_.spec->lifetime.start_timeout;
    std::string hangs_in = FindWaitingMessage(pod());
    if (!hangs_in.empty()) {
      plan_.message = hangs_in;
    } else {
      plan_.message = session_.start_detail;
      hangs_in = session_.start_detail.value_or_empty();
    }
    if (now_ < until) return WakeBy(until);
    EndReason reason = EndReason::kStartTimeout;
    if (pod().unschedulable_message.has_value()) reason = EndReason::kUnschedulable;
    if (image_error.has_value()) reason = EndReason::kImagePullFailed;
    std::string message = absl::StrCat("not ready within ",
                                       absl::FormatDuration(session_.spec->lifetime.start_timeout),
                                       ", hung in ", AsText(plan_.phase));
    if (!hangs_in.empty()) absl::StrAppend(&message, ": ", hangs_in);
    KeepStateAndWriteEnd(reason, std::move(message));
  }

  static std::string AsText(StartPhase phase) { return std::string(Name(phase)); }

  // --- the idle end: close the gate, count, then act -------------------------------------------

  void Serve() {
    plan_.state = SessionState::kReady;
    plan_.route = RouteGoal::kOpen;
    if (session_.spec->idle.never) return;
    if (traffic_.open > 0) return Reopen(/*by_use=*/true);
    if (!traffic_.is_known || plan_.is_lost) {
      if (!traffic_.is_known) WakeBy(traffic_.known_at);
      return Reopen(/*by_use=*/false);
    }
    const Instant deadline = IdleDeadline();
    plan_.idle_deadline = deadline;
    const Instant due = std::max(deadline, observed_.no_drain_before);
    if (now_ < due) {
      WakeBy(due);
      return Reopen(/*by_use=*/false);
    }
    if (observed_.drain_at.has_value() && routes_.is_gate_counted &&
        routes_.published == RouteGoal::kGated) {
      if (routes_.gate_open + routes_.gate_waiting > 0) return Reopen(/*by_use=*/true);
      return EndIdle();
    }
    if (!observed_.drain_at.has_value()) observed_.drain_at = now_;
    const Instant until = *observed_.drain_at + kGateWaitMax;
    if (now_ >= until) {
      observed_.no_drain_before = now_ + kGateRetryAfter;
      WakeBy(observed_.no_drain_before);
      return Reopen(/*by_use=*/false);
    }
    plan_.state = SessionState::kDraining;
    plan_.route = RouteGoal::kGated;
    WakeBy(until);
  }

  Instant IdleDeadline() {
    Instant since = std::max(traffic_.idle_since, *observed_.ready_at);
    if (observed_.refused_at.has_value()) since = std::max(since, *observed_.refused_at);
    since = std::max(since, session_.held_until);
    const IdlePolicy& idle = session_.spec->idle;
    plan_.idle_since = since;
    plan_.idle_grace = idle.initial_grace;
    if (traffic_.was_used) {
      plan_.idle_grace = idle.grace;
    } else if (session_.is_adopted) {
      // Taken over: nobody can tell whether it was used before. Never too early.
      plan_.idle_grace = std::max(idle.grace, idle.initial_grace);
    }
    return plan_.idle_since + plan_.idle_grace;
  }

  void Reopen(bool by_use) {
    if (!observed_.drain_at.has_value()) return;
    observed_.drain_at.reset();
    plan_.was_refused = by_use;
    if (by_use) observed_.refused_at = now_;
  }

  void EndIdle() {
    plan_.state = SessionState::kDraining;
    plan_.route = RouteGoal::kGated;
    plan_.reason = EndReason::kIdle;
    const IdlePolicy& idle = session_.spec->idle;
    plan_.message =
        absl::StrCat("nobody was connected for ",
                     absl::FormatDuration(traffic_.was_used ? idle.grace : idle.initial_grace));
    if (!traffic_.unconfirmed_proxy.empty()) {
      plan_.reason = EndReason::kIdleUnconfirmed;
      absl::StrAppend(&*plan_.message, "; proxy ", traffic_.unconfirmed_proxy,
                      " was lost and could not be asked");
    }
    WriteEnd(/*stops=*/true);
  }

  void Warn() {
    const absl::Duration before = session_.spec->idle.warn_before;
    if (before <= absl::ZeroDuration() || plan_.state > SessionState::kDraining) return;
    const auto consider = [this, before](MaybeInstant at, EndReason as) {
      if (!at.has_value()) return;
      if (now_ < *at - before) return WakeBy(*at - before);
      if (!plan_.near_end.has_value() || *at < plan_.near_end->at)
        plan_.near_end = NearEnd{*at, as};
    };
    consider(plan_.idle_deadline, EndReason::kIdle);
    consider(plan_.lifetime_deadline, EndReason::kMaxLifetime);
  }

  const Session& session_;
  const PodView& view_;
  const Traffic& traffic_;
  const RouteView& routes_;
  const Instant now_;
  Plan plan_;
  Observed observed_;
};

}  // namespace

Verdict Reconcile(const Session& session, const PodView& pod, const Traffic& traffic,
                  const RouteView& routes, Instant now) {
  return Turn(session, pod, traffic, routes, now).Run();
}

}  // namespace spawner
