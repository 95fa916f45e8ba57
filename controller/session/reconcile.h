#ifndef SPAWNER_CONTROLLER_SESSION_RECONCILE_H_
#define SPAWNER_CONTROLLER_SESSION_RECONCILE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "base/boxed.h"
#include "base/clock.h"
#include "controller/session/maybe_instant.h"
#include "controller/session/pod_template.h"
#include "controller/session/session.h"
#include "controller/session/spec.h"

// The rules of one incarnation. Pure: no I/O, no clock, the same answer for the same arguments.
// Level-based: called again whenever anything of it changed, however many changes were missed.
//   auto [plan, observed] = Reconcile(session, pod, traffic, routes, now);
namespace spawner {

// Decided, not durable yet: somebody's wish, or a plan whose ending write is under way. There is
// no way back from it.
struct EndDecision {
  EndReason reason = EndReason::kRequested;
  std::string message;
  bool is_hard = false;  // SIGKILL after a second instead of `stop_grace`
};

// What Reconcile wants to find again at its next call. The caller only keeps it.
struct Observed {
  MaybeInstant image_error_at;
  MaybeInstant open_at;  // the route may be served since
  MaybeInstant ready_at;
  MaybeInstant lost_at;
  MaybeInstant drain_at;
  MaybeInstant refused_at;  // a gate found somebody: grace runs anew from here
  Instant no_drain_before;
  MaybeInstant stopping_at;  // the end is durable since
  MaybeInstant ended_at;
};

struct Session {
  SharedSpec spec;
  Instant created_at;
  // Taken over from another controller: what was before is not known.
  bool is_adopted = false;
  SessionState state = SessionState::kPending;  // of the last plan
  Boxed<EndDecision> decision;
  // It is held until then, or was: the idle clock begins anew from there.
  Instant held_until;
  // After node_lost_after a session whose node does not answer ends. Infinite: never.
  absl::Duration node_lost_after = absl::Minutes(5);
  Boxed<std::string> start_detail;  // what its start hangs in, if its pod's status does not say
  // Its key has had so many incarnations since that its record is not kept: no retention.
  bool is_surplus = false;
  // Its record is kept until then at least, whatever its retention says.
  Instant keep_until = {};
  Observed observed;
};

// The pod as last seen. kAbsent: not created yet, as far as we know.
struct PodView {
  enum class Presence { kAbsent, kPresent, kGone };
  Presence presence = Presence::kAbsent;
  const SessionPod* pod = nullptr;  // its last state; null only if never seen
};

// Connections of the session over all proxies.
struct Traffic {
  int64_t open = 0;
  // False while a proxy that may serve the session can't be asked: unknown is never idle.
  bool is_known = true;
  // If not known: when it will be by the passing of time alone.
  Instant known_at = Instant::Infinite();
  // A proxy that was given up (--lost-proxy-hold): a zero is not confirmed by it.
  std::string unconfirmed_proxy;
  bool was_used = false;
  // When `open` last reached zero, or the last Connect, or the takeover: the latest.
  Instant idle_since;
};

// What proxies shall know.
enum class RouteGoal { kHold, kOpen, kGated, kEnded };

// What the proxies know of its route.
struct RouteView {
  std::optional<RouteGoal> published;
  // Every live proxy has acknowledged what is published.
  bool is_acked = false;
  // `published` is kGated, and every live proxy has counted behind the closed gate.
  bool is_gate_counted = false;
  int64_t gate_open = 0;
  int64_t gate_waiting = 0;
};

// At most one write to Kubernetes at a time; done again until the pod shows it.
enum class Write {
  kNone,
  kEnd,         // EndPatch
  kDelete,      // with the pod's own grace
  kDeleteHard,  // with one second
};

// It ends at `at` if nothing happens, and that is near (IdlePolicy.warn_before).
struct NearEnd {
  Instant at;
  EndReason as = EndReason::kNone;

  bool operator==(const NearEnd&) const = default;
};

struct Plan {
  SessionState state = SessionState::kPending;
  StartPhase phase = StartPhase::kNone;
  EndReason reason = EndReason::kNone;
  std::optional<int32_t> exit_code;
  Boxed<std::string> message;
  RouteGoal route = RouteGoal::kHold;
  Write write = Write::kNone;
  bool write_stops = false;  // for kEnd: the pod still runs
  bool is_lost = false;
  bool was_refused = false;   // this call opened a closed gate again
  bool is_forgotten = false;  // nothing is left to remember
  MaybeInstant idle_deadline;
  // With idle_deadline: what it is the sum of.
  Instant idle_since;
  absl::Duration idle_grace;
  MaybeInstant lifetime_deadline;
  Boxed<NearEnd> near_end;
  Instant wake_at = Instant::Infinite();
};

struct Verdict {
  Plan plan;
  Observed observed;
};

Verdict Reconcile(const Session& session, const PodView& pod, const Traffic& traffic,
                  const RouteView& routes, Instant now);

}  // namespace spawner

#endif  // SPAWNER_CONTROLLER_SESSION_RECONCILE_H_
