#ifndef SPAWNER_CONTROLLER_CORE_INCARNATION_H_
#define SPAWNER_CONTROLLER_CORE_INCARNATION_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/ids.h"
#include "controller/core/phase_clock.h"
#include "controller/core/service.h"
#include "controller/session/hold.h"
#include "controller/session/pod_template.h"
#include "controller/session/reconcile.h"

namespace spawner::core {

// A Connect that has no answer yet.
struct ConnectWaiter {
  ConnectParams params;
  Service::ConnectDone done;
  std::string grant_id;
  bool created = false;
  StartedFrom started_from = StartedFrom::kLive;
  Instant ack_by;      // the answer waits for acks no longer
  Instant give_up_at;  // of one that waits for an end
};

// A Terminate whose end is not durable yet.
struct TerminateWaiter {
  Service::ViewDone done;
  Instant give_up_at;
};

// Who waits for an annotation to be durable.
struct NoteWaiter {
  std::function<void(absl::Status)> done;
  uint64_t serial = 0;
  Instant give_up_at;
};

// Annotations of the pod that are to be written: notes.h.
struct PendingNotes {
  std::map<std::string, std::string> wanted;  // "": none
  uint64_t serial = 0;                        // of the last change
  uint64_t in_flight = 0;                     // of the last change that is being written
  std::vector<NoteWaiter> waiters;
};

// A hold as the core keeps it: holds.h.
struct HoldState {
  Hold shown;
  absl::Time durable_until;  // as written, or being written
  Instant until;
};

// One pod's life, as the core keeps it between two looks at it.
struct Incarnation {
  PodIdentity identity;
  Session session;
  std::string create_json;  // of the pod to be created; empty if adopted
  PodView::Presence presence = PodView::Presence::kAbsent;
  std::optional<SessionPod> pod;  // its last state
  bool was_watched = false;       // a list or a watch has shown it, not only our own create
  Plan plan;
  bool has_plan = false;

  // Traffic.
  int64_t open = 0;
  bool was_used = false;
  Instant idle_since;

  // Holds, by owner: holds.h.
  std::map<std::string, HoldState> holds;
  std::string holds_text;  // the annotation they are from, or go to
  Instant hold_ended;      // the last one ended, or was released

  // Routes of this term. first_version 0: older than the term.
  uint64_t first_version = 0;
  std::optional<RouteGoal> published;
  uint64_t published_version = 0;

  PhaseClock start_clock;

  // Writes: one at a time.
  bool is_writing = false;
  int failures = 0;
  Instant write_not_before;
  absl::Status write_status;  // of the last one
  PendingNotes notes;

  absl::Time create_time;
  std::optional<absl::Time> ready_time;
  std::optional<absl::Time> end_time;
  std::optional<absl::Time> last_active_time;
  std::optional<absl::Time> lost_time;
  // Told once, however often it is looked at: two clocks never agree to the nanosecond.
  struct Warning {
    NearEnd end;
    absl::Time ends_at;
    absl::Time since;
  };
  std::optional<Warning> warning;
  uint64_t changes = 0;  // etag

  std::vector<ConnectWaiter> connects;
  std::vector<TerminateWaiter> terminates;
  std::optional<SessionView> shown;  // as watchers saw it last
};

// All incarnations of one session id: at most one lives, the newest.
struct Slot {
  std::map<Epoch, std::unique_ptr<Incarnation>> incarnations;
  // Connects that start the next incarnation once the end of this one is durable.
  std::vector<ConnectWaiter> waiting_for_end;

  Incarnation* newest() const {
    return incarnations.empty() ? nullptr : incarnations.rbegin()->second.get();
  }
};

// May still be connected to.
inline bool IsLive(const Incarnation& incarnation) {
  return incarnation.plan.state < SessionState::kTerminating &&
         !incarnation.session.decision.has_value();
}

inline bool IsEnded(const Incarnation& incarnation) {
  return incarnation.plan.state >= SessionState::kTerminating;
}

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_INCARNATION_H_
