#ifndef SPAWNER_CONTROLLER_CORE_CHRONICLE_H_
#define SPAWNER_CONTROLLER_CORE_CHRONICLE_H_

#include <string>

#include "absl/status/status.h"
#include "base/clock.h"
#include "controller/core/feature.h"
#include "controller/core/incarnation.h"
#include "controller/core/table.h"

namespace spawner::core {

// In the pod of an ended session: its history until the ending write, which brings it along.
constexpr char kHistoryNote[] = "spawner.dev/history";

// Keeps each incarnation's history: what changed, when and why. In memory while it lives; written
// once, with the end. Of a session that another controller has begun it knows what the pod's own
// status tells.
// Thread: the loop's. Owner: Core.
class Chronicle final : public Feature {
 public:
  explicit Chronicle(Table& table) : table_(table) {}

  // The incarnation has a new plan that nothing has acted upon yet.
  void Observe(Incarnation& incarnation);
  // The annotation for the ending write, the end included.
  static std::string EndNote(const Table& table, Incarnation& incarnation);

  void OnPod(Incarnation& incarnation) override;
  void OnStandDown(const absl::Status& status) override;
  void OnTakeOver(Instant now) override;

 private:
  // What came before this controller knew of it.
  void Begin(Incarnation& incarnation);
  // The pod's revocations can't be read: told once.
  void Warn(History& history);

  Table& table_;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_CHRONICLE_H_
