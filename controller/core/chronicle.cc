#include "controller/core/chronicle.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "controller/core/causes.h"
#include "controller/session/history.h"
#include "controller/session/pod_template.h"

namespace spawner::core {
namespace {

using State = SessionState;

constexpr char kRevocationsLost[] =
    "warning: the pod's annotation spawner.dev/revocations could not be read: all tokens issued "
    "until now count as revoked";

bool IsOver(const History& history) {
  const std::optional<State> last = history.last_state();
  return last.has_value() && *last >= State::kTerminating;
}

const kube::ContainerStatus* BackendOf(const Incarnation& incarnation) {
  return incarnation.pod->pod.FindContainer(BackendContainerOf(incarnation.pod->pod));
}

// When a step was taken that the pod itself dates: a container's last moment; else now.
absl::Time TimeOf(const Table& table, const Incarnation& incarnation, State to) {
  if (to == State::kTerminated && incarnation.pod.has_value()) {
    const kube::ContainerStatus* backend = BackendOf(incarnation);
    if (backend != nullptr && backend->terminated.has_value() &&
        backend->terminated->finished_at.has_value()) {
      return *backend->terminated->finished_at;
    }
  }
  if (to == State::kTerminating && incarnation.pod.has_value() &&
      incarnation.pod->end.has_value()) {
    return incarnation.pod->end->end_time;
  }
  return table.clock.WallNow();
}

}  // namespace

void Chronicle::Begin(Incarnation& incarnation) {
  History& history = incarnation.history;
  incarnation.phase_told = StartPhase::kNone;
  if (!incarnation.pod.has_value()) {
    history.Add({table_.clock.WallNow(), State::kPending, State::kPending,
                 CauseOf(table_, incarnation, State::kPending, State::kPending)});
    return;
  }
  const kube::PodState& pod = incarnation.pod->pod;
  history.Add({pod.create_time, State::kPending, State::kStarting, "pod created"});
  incarnation.phase_told = StartPhase::kScheduling;
  if (pod.scheduled_time.has_value()) {
    history.Add({*pod.scheduled_time, State::kStarting, State::kStarting,
                 absl::StrCat("scheduled on node ", pod.node)});
    incarnation.phase_told = StartPhase::kPulling;
  }
  const kube::ContainerStatus* backend = BackendOf(incarnation);
  if (backend != nullptr && backend->started_at.has_value()) {
    history.Add(
        {*backend->started_at, State::kStarting, State::kStarting, "the backend's container runs"});
    incarnation.phase_told = StartPhase::kStarted;
  }
  if (pod.ready_time.has_value() && incarnation.plan.state == State::kReady) {
    history.Add({*pod.ready_time, State::kStarting, State::kReady, "pod ready"});
  }
}

void Chronicle::Warn(History& history) {
  for (const Transition& step : history.Steps()) {
    if (step.cause == kRevocationsLost) return;
  }
  const State state = *history.last_state();
  history.Add({table_.clock.WallNow(), state, state, kRevocationsLost});
}

void Chronicle::Observe(Incarnation& incarnation) {
  History& history = incarnation.history;
  const Plan& plan = incarnation.plan;
  if (history.empty()) Begin(incarnation);
  if (incarnation.pod.has_value() && incarnation.pod->are_revocations_mangled) Warn(history);
  const State from = *history.last_state();
  const bool is_phase = plan.state == State::kStarting && plan.phase != incarnation.phase_told;
  if (plan.state == from && !is_phase) return;
  // A record that is over stays so: what a pod's status says later is no new life.
  if (IsOver(history) && plan.state <= from) return;
  incarnation.phase_told = plan.phase;
  history.Add({TimeOf(table_, incarnation, plan.state), from, plan.state,
               CauseOf(table_, incarnation, from, plan.state)});
}

std::string Chronicle::EndNote(const Table& table, Incarnation& incarnation) {
  History& history = incarnation.history;
  if (!IsOver(history)) {
    history.Add({table.clock.WallNow(), history.last_state().value_or(State::kPending),
                 State::kTerminating, CauseOfEnd(table, incarnation)});
  }
  return history.Encode();
}

void Chronicle::OnPod(Incarnation& incarnation) {
  const auto note = incarnation.pod->pod.annotations.extract(kHistoryNote);
  // The leader's own, with what came after it. A standby's is what it could see: the note is
  // better.
  const bool is_own = table_.leadership.is_leader && IsOver(incarnation.history);
  if (note.empty() || is_own) return;
  if (const absl::Status status = incarnation.history.Load(note.mapped()); !status.ok()) {
    Log(LogLevel::kWarning, "history_unreadable",
        {{"pod", PodName(incarnation.identity.id, incarnation.identity.epoch)},
         {"error", status.ToString()}});
  }
  if (incarnation.ready_time.has_value()) return;
  // A pod that has finished does not tell since when it was ready.
  for (const Transition& step : incarnation.history.Steps()) {
    const bool is_start = step.from == State::kStarting && step.to == State::kReady;
    if (is_start) incarnation.ready_time = step.time;
  }
}

// An end that was not written was never decided: the history says what the pod says.
void Chronicle::OnStandDown(const absl::Status& status) {
  for (auto& [id, slot] : table_.slots) {
    for (auto& [epoch, incarnation] : slot.incarnations) {
      if (!IsEnded(*incarnation) && IsOver(incarnation->history)) incarnation->history = {};
    }
  }
}

void Chronicle::OnTakeOver(Instant now) {
  const absl::Time wall = table_.clock.WallNow();
  for (auto& [id, slot] : table_.slots) {
    for (auto& [epoch, incarnation] : slot.incarnations) {
      if (!incarnation->pod.has_value() || IsOver(incarnation->history)) continue;
      if (incarnation->pod->end.has_value()) continue;
      if (incarnation->history.empty()) Begin(*incarnation);
      const State state = *incarnation->history.last_state();
      incarnation->history.Add(
          {wall, state, state,
           absl::StrCat("taken over by controller ", table_.options.controller_id, ", leadership ",
                        table_.leadership.number)});
    }
  }
}

}  // namespace spawner::core
