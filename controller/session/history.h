#ifndef SPAWNER_CONTROLLER_SESSION_HISTORY_H_
#define SPAWNER_CONTROLLER_SESSION_HISTORY_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "controller/session/session.h"

namespace spawner {

// One step of an incarnation's life. `from` and `to` are the same where only the cause is news: a
// phase of a start, a new leader.
struct Transition {
  absl::Time time;
  SessionState from = SessionState::kPending;
  SessionState to = SessionState::kPending;
  std::string cause;  // a sentence, of facts

  bool operator==(const Transition&) const = default;
};

// The last steps of one incarnation: at most kTransitionsMax, and kHistoryBytesMax together, so
// that very many sessions can have one. A whole life of a session is some 500 bytes.
class History {
 public:
  // A cause is cut at kCauseBytesMax; the oldest steps make room.
  void Add(const Transition& step);
  bool empty() const { return packed_.empty(); }
  // Of the last step.
  std::optional<SessionState> last_state() const;
  std::vector<Transition> Steps() const;  // the oldest first

  // As a pod's annotation has it: [[ms since 1970, from, to, "cause"], ...].
  std::string Encode() const;
  // In place of what there is. INVALID_ARGUMENT if the text is none; nothing changes then.
  absl::Status Load(absl::string_view text);

  size_t bytes() const { return packed_.capacity(); }

 private:
  // Each step: 8 bytes of time in ms, one of both states, one of the cause's size, the cause.
  std::string packed_;
};

}  // namespace spawner

#endif  // SPAWNER_CONTROLLER_SESSION_HISTORY_H_
