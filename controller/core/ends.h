#ifndef SPAWNER_CONTROLLER_CORE_ENDS_H_
#define SPAWNER_CONTROLLER_CORE_ENDS_H_

#include "absl/status/status.h"
#include "base/clock.h"
#include "controller/core/feature.h"
#include "controller/core/incarnation.h"
#include "controller/core/service.h"
#include "controller/core/table.h"

namespace spawner::core {

// The end on request.
// Thread: the loop's. Owner: Core.
class Ends final : public Feature {
 public:
  explicit Ends(Table& table) : table_(table) {}

  void Terminate(TerminateParams params, Service::ViewDone done);
  // Who waits for the end is told why it may take long; the decision stands.
  void Refuse(Incarnation& incarnation, const absl::Status& status);

  void OnPlanned(Incarnation& incarnation, Instant now, Instant& wake_at) override;
  void OnUnborn(Incarnation& incarnation, const absl::Status& status) override;
  void OnStandDown(const absl::Status& status) override;

 private:
  Table& table_;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_ENDS_H_
