#ifndef SPAWNER_CONTROLLER_CORE_INCARNATION_H_
#define SPAWNER_CONTROLLER_CORE_INCARNATION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/boxed.h"
#include "base/clock.h"
#include "base/ids.h"
#include "controller/core/phase_clock.h"
#include "controller/core/service.h"
#include "controller/core/waiters.h"
#include "controller/core/work_queue.h"
#include "controller/session/history.h"
#include "controller/session/pod_template.h"
#include "controller/session/reconcile.h"
#include "controller/session/revocations.h"

namespace spawner::core {

// What its pod is created with.
struct Birth {
  std::string create_json;   // empty while its template has not been read
  bool is_prepared = false;  // what has to be there before its pod is
  Revocations carried;       // from former incarnations, in `create_json`
};

// One pod's life, as the core keeps it between two looks at it.
struct Incarnation {
  PodIdentity identity;
  Session session;
  Boxed<Birth> birth;  // until its pod is seen; none if adopted
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
  absl::btree_map<std::string, HoldState> holds;
  Boxed<std::string> holds_text;  // the annotation they are from, or go to
  Instant hold_ended;             // the last one ended, or was released

  // Routes of this term. first_version 0: older than the term.
  uint64_t first_version = 0;
  std::optional<RouteGoal> published;
  uint64_t published_version = 0;

  Boxed<PhaseClock> start_clock;  // of a start that this controller has made, until it is over
  Boxed<StartDetail> start_detail;
  History history;                            // chronicle.h
  StartPhase phase_told = StartPhase::kNone;  // the last one in it

  // Writes: one at a time.
  bool is_writing = false;
  int failures = 0;
  Instant write_not_before;
  absl::Status write_status;  // of the last one
  Boxed<PendingNotes> notes;

  absl::Time create_time;
  std::optional<absl::Time> ready_time;
  Boxed<absl::Time> end_time;
  std::optional<absl::Time> last_active_time;
  Boxed<absl::Time> lost_time;
  // Told once, however often it is looked at: two clocks never agree to the nanosecond.
  struct Warning {
    NearEnd end;
    absl::Time ends_at;
    absl::Time since;
  };
  Boxed<Warning> warning;
  uint64_t changes = 0;  // etag

  std::vector<ConnectWaiter> connects;
  std::vector<TerminateWaiter> terminates;
  // What watchers saw last.
  struct Shown {
    SessionState state;
    uint64_t digest;
  };
  std::optional<Shown> shown;
};

// All incarnations of one session id: at most one lives, the newest.
struct Slot {
  absl::btree_map<Epoch, std::unique_ptr<Incarnation>> incarnations;
  WorkTimer timer;
  // Connects that start the next incarnation once the end of this one is durable.
  std::vector<ConnectWaiter> waiting_for_end;

  Incarnation* newest() const {
    return incarnations.empty() ? nullptr : incarnations.rbegin()->second.get();
  }
};

// What the annotation shall be, if it is to be written ("": removed); else null.
inline const std::string* WantedNote(const Incarnation& incarnation, const std::string& name) {
  if (!incarnation.notes.has_value()) return nullptr;
  const auto found = incarnation.notes->wanted.find(name);
  return found == incarnation.notes->wanted.end() ? nullptr : &found->second;
}

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
