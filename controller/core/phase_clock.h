#ifndef SPAWNER_CONTROLLER_CORE_PHASE_CLOCK_H_
#define SPAWNER_CONTROLLER_CORE_PHASE_CLOCK_H_

#include <map>
#include <string>

#include "base/clock.h"
#include "base/histogram.h"
#include "controller/session/session.h"

namespace spawner::core {

// How long one start was in each of its phases: "pending" (until Kubernetes has the pod), then
// those of StartPhase, and "total" for one that became READY. A phase that a start failed in is not
// counted: START_TIMEOUT and its like say where it hung.
// Thread: the loop's. Owner: an incarnation that this controller has created.
class PhaseClock {
 public:
  // At every look; `counts` gets the phase that has just ended.
  void Observe(SessionState state, StartPhase phase, Instant now,
               std::map<std::string, Histogram>& counts);

 private:
  std::string phase_;  // empty: not seen yet, or over
  Instant phase_since_;
  Instant begin_;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_PHASE_CLOCK_H_
