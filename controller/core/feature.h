#ifndef SPAWNER_CONTROLLER_CORE_FEATURE_H_
#define SPAWNER_CONTROLLER_CORE_FEATURE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "base/clock.h"
#include "controller/route/route.h"

namespace spawner::core {

struct Incarnation;

// Where a part of the core takes part in what the others do. A feature is a small class with its
// own header (holds.h) that gets the Table, and Notes or Writes if it writes to Kubernetes; Core
// makes it, forwards its Service methods to it, and lists it among Table::features if it overrides
// any of these. All are called on the loop's thread; none may call another feature's.
class Feature {
 public:
  virtual ~Feature() = default;

  // A pod was listed, or has changed, and the incarnation has it: read your annotations. Called
  // also for what this controller wrote itself.
  virtual void OnPod(Incarnation& incarnation) {}
  // Before each plan: put into incarnation.session what Reconcile has to know.
  virtual void BeforePlan(Incarnation& incarnation, Instant now) {}
  // The incarnation has a new plan: answer who waits for it. `wake_at` may be brought forward.
  virtual void OnPlanned(Incarnation& incarnation, Instant now, Instant& wake_at) {}
  // The pod could not be created; the incarnation was never there. It is destroyed after this.
  virtual void OnUnborn(Incarnation& incarnation, const absl::Status& status) {}
  // Its retention is over. It is destroyed after this.
  virtual void OnForgotten(Incarnation& incarnation) {}

  // This controller leads no more: nothing that is not durable was decided. `status` is for who
  // waits.
  virtual void OnStandDown(const absl::Status& status) {}
  // This controller leads, and every pod has been listed.
  virtual void OnTakeOver(Instant now) {}

  // What a proxy says that is neither about routes nor use. `link` has said hello and is admitted.
  // Answer by Table::links.Send.
  virtual void OnProxy(uint64_t link, const route::FromProxy& message, Instant now) {}

  // Once in every turn of the loop.
  virtual void Step(Instant now) {}
  virtual Instant NextWake() const { return Instant::Infinite(); }
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_FEATURE_H_
