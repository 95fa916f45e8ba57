#include "controller/core/phase_clock.h"

#include "absl/strings/ascii.h"

namespace spawner::core {
namespace {

// Empty: no start any more.
std::string PhaseOf(SessionState state, StartPhase phase) {
  if (state == SessionState::kPending) return "pending";
  return state == SessionState::kStarting ? absl::AsciiStrToLower(Name(phase)) : "";
}

}  // namespace

void PhaseClock::Observe(SessionState state, StartPhase phase, Instant now,
                         std::map<std::string, Histogram>& counts) {
  const std::string next = PhaseOf(state, phase);
  if (next == phase_) return;
  const bool has_failed = next.empty() && state != SessionState::kReady;
  if (phase_.empty()) {
    begin_ = now;
  } else if (!has_failed) {
    counts[phase_].Add(now - phase_since_);
    if (state == SessionState::kReady) counts["total"].Add(now - begin_);
  }
  phase_ = next;
  phase_since_ = now;
}

}  // namespace spawner::core
