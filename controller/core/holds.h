#ifndef SPAWNER_CONTROLLER_CORE_HOLDS_H_
#define SPAWNER_CONTROLLER_CORE_HOLDS_H_

#include "absl/status/status.h"
#include "base/clock.h"
#include "controller/core/feature.h"
#include "controller/core/incarnation.h"
#include "controller/core/notes.h"
#include "controller/core/service.h"
#include "controller/core/table.h"
#include "controller/session/hold.h"

namespace spawner::core {

// What keeps sessions alive without a connection: KeepAlive, and the backend's own "busy". Holds
// are an annotation of the pod; a standby shows them too.
//
// What is written lasts up to a tenth longer than what was asked for (kHoldSlack), so that an owner
// that prolongs its hold every few seconds costs no write each time: after a restart a hold may end
// that much later, never earlier.
// Thread: the loop's. Owner: Core.
class Holds final : public Feature {
 public:
  Holds(Table& table, Notes& notes) : table_(table), notes_(notes) {}

  // Answers when the hold is durable. FAILED_PRECONDITION / SESSION_ENDING if its end is decided,
  // ABORTED / EPOCH_FENCED, RESOURCE_EXHAUSTED / QUOTA_HOLDS (with the time until one ends).
  void KeepAlive(KeepAliveParams params, Service::KeepAliveDone done);

  // The backend's "busy", by way of a proxy: a hold of owner "backend".
  void OnProxy(uint64_t link, const route::FromProxy& message, Instant now) override;
  void OnPod(Incarnation& incarnation) override;
  void BeforePlan(Incarnation& incarnation, Instant now) override;
  // What was not durable may not hold: as the pod says.
  void OnStandDown(const absl::Status& status) override;

 private:
  void Load(Incarnation& incarnation);
  static void DropExpired(Incarnation& incarnation, Instant now);
  void Write(Incarnation& incarnation, std::function<void(absl::Status)> done);

  Table& table_;
  Notes& notes_;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_HOLDS_H_
