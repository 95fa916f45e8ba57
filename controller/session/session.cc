#include "controller/session/session.h"

#include <iterator>

namespace spawner {
namespace {

// In the order of EndReason.
constexpr const char* kReasons[] = {
    "",        "IDLE",       "IDLE_UNCONFIRMED", "REQUESTED",         "MAX_LIFETIME",  "EXITED",
    "CRASHED", "OOM_KILLED", "START_TIMEOUT",    "IMAGE_PULL_FAILED", "UNSCHEDULABLE", "NODE_LOST",
    "EVICTED", "DELETED",    "REPLACED",         "INTERNAL",
};

}  // namespace

absl::string_view Name(SessionState state) {
  switch (state) {
    case SessionState::kPending:
      return "PENDING";
    case SessionState::kStarting:
      return "STARTING";
    case SessionState::kReady:
      return "READY";
    case SessionState::kDraining:
      return "DRAINING";
    case SessionState::kTerminating:
      return "TERMINATING";
    case SessionState::kTerminated:
      return "TERMINATED";
  }
  return "";
}

absl::string_view Name(StartPhase phase) {
  switch (phase) {
    case StartPhase::kNone:
      return "";
    case StartPhase::kScheduling:
      return "SCHEDULING";
    case StartPhase::kPulling:
      return "PULLING";
    case StartPhase::kStarted:
      return "STARTED";
    case StartPhase::kRouting:
      return "ROUTING";
  }
  return "";
}

absl::string_view Name(EndReason reason) {
  const size_t index = static_cast<size_t>(reason);
  return index < std::size(kReasons) ? kReasons[index] : "";
}

std::optional<EndReason> ParseEndReason(absl::string_view name) {
  for (size_t i = 1; i < std::size(kReasons); ++i) {
    if (name == kReasons[i]) return static_cast<EndReason>(i);
  }
  return std::nullopt;
}

}  // namespace spawner
