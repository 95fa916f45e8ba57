#ifndef SPAWNER_CONTROLLER_SESSION_SESSION_H_
#define SPAWNER_CONTROLLER_SESSION_SESSION_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/ids.h"
#include "controller/session/hold.h"
#include "controller/session/shared_spec.h"

namespace spawner {

// Numbers and names as in session.proto.
enum class SessionState {
  kPending = 1,
  kStarting = 2,
  kReady = 3,
  kDraining = 4,
  kTerminating = 5,
  kTerminated = 6,
};

enum class StartPhase { kNone = 0, kScheduling = 1, kPulling = 2, kStarted = 3, kRouting = 4 };

enum class EndReason {
  kNone = 0,
  kIdle = 1,
  kIdleUnconfirmed = 2,
  kRequested = 3,
  kMaxLifetime = 4,
  kExited = 5,
  kCrashed = 6,
  kOomKilled = 7,
  kStartTimeout = 8,
  kImagePullFailed = 9,
  kUnschedulable = 10,
  kNodeLost = 11,
  kEvicted = 12,
  kDeleted = 13,
  kReplaced = 14,
  kInternal = 15,
};

// "READY", "IDLE_UNCONFIRMED", "PULLING": as the API spells them.
absl::string_view Name(SessionState state);
absl::string_view Name(StartPhase phase);
absl::string_view Name(EndReason reason);
std::optional<EndReason> ParseEndReason(absl::string_view name);

struct SessionKey {
  std::string name;
  std::string tag;

  bool operator==(const SessionKey&) const = default;
};

struct SessionCondition {
  std::string type;
  bool status = false;
  std::string message;
  absl::Time last_transition_time;
};

// One incarnation of a session as the API shows it: a value, made from the core's tables at the
// moment it is asked for.
struct SessionView {
  std::string ns;
  SessionId id;
  SessionKey key;
  std::string user;  // of the grant that it was started with
  SessionState state = SessionState::kPending;
  StartPhase phase = StartPhase::kNone;
  EndReason reason = EndReason::kNone;
  std::optional<int32_t> exit_code;
  std::string message;
  Epoch epoch;
  std::string pod;
  std::string container;  // of the pod, that serves; empty before it is there
  std::string node;
  absl::Time create_time;
  std::optional<absl::Time> ready_time;
  std::optional<absl::Time> end_time;
  int64_t connections = 0;
  std::optional<absl::Time> last_active_time;
  std::optional<absl::Time> idle_deadline;
  std::optional<absl::Time> lifetime_deadline;
  std::vector<SessionCondition> conditions;
  std::vector<Hold> holds;
  std::string etag;
  SharedSpec spec;
};

}  // namespace spawner

#endif  // SPAWNER_CONTROLLER_SESSION_SESSION_H_
