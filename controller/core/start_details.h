#ifndef SPAWNER_CONTROLLER_CORE_START_DETAILS_H_
#define SPAWNER_CONTROLLER_CORE_START_DETAILS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/ids.h"
#include "controller/core/feature.h"
#include "controller/core/incarnation.h"
#include "controller/core/table.h"
#include "controller/kube/pod_event.h"

namespace spawner::core {

// What a start hangs in that its pod's status does not tell: while a session has been PULLING for
// kDetailAfter, its Events are read, ever less often (decision 0016).
// Thread: the loop's. Owner: Core.
class StartDetails final : public Feature {
 public:
  explicit StartDetails(Table& table) : table_(table) {}

  void OnPlanned(Incarnation& incarnation, Instant now, Instant& wake_at) override;

 private:
  void Ask(Incarnation& incarnation);
  void OnEvents(const SessionId& id, Epoch epoch, const absl::StatusOr<std::string>& json);

  Table& table_;
  int in_flight_ = 0;
};

// "pulling image "app:7" since 12:03:01 UTC"; empty if no event tells anything.
std::string StartDetailOf(const std::vector<kube::PodEvent>& events);

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_START_DETAILS_H_
