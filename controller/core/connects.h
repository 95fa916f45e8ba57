#ifndef SPAWNER_CONTROLLER_CORE_CONNECTS_H_
#define SPAWNER_CONTROLLER_CORE_CONNECTS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/ids.h"
#include "controller/core/feature.h"
#include "controller/core/incarnation.h"
#include "controller/core/service.h"
#include "controller/core/table.h"
#include "controller/session/pod_template.h"

namespace spawner::core {

// Get-or-create by key, and the next incarnation of a key whose session ended.
// Thread: the loop's. Owner: Core.
class Connects final : public Feature {
 public:
  explicit Connects(Table& table) : table_(table) {}

  void Connect(ConnectParams params, Service::ConnectDone done);
  // Who waited for the end goes on; and requests that wait behind the gate of a session that ended
  // as idle are served by its next incarnation. After each look at the slot.
  void StartNext(const SessionId& id, Slot& slot, Instant now);

  void OnPlanned(Incarnation& incarnation, Instant now, Instant& wake_at) override;
  void OnUnborn(Incarnation& incarnation, const absl::Status& status) override;
  void OnStandDown(const absl::Status& status) override;

 private:
  void ConnectNow(ConnectWaiter waiter, Instant now);
  // Ends a live session of another tag, if that is what the Connect wants; it then waits.
  void Replace(Incarnation& incarnation, ConnectWaiter waiter, Instant now);
  void WaitForEnd(Slot& slot, ConnectWaiter waiter, Instant now);
  void GiveUpWaiting(Incarnation& incarnation, Instant now, Instant& wake_at);
  void Join(Incarnation& incarnation, ConnectWaiter waiter, Instant now);
  absl::StatusOr<Incarnation*> Start(Slot& slot, PodIdentity identity, const SessionSpec& spec,
                                     Instant now);
  ConnectResult ResultFor(const ConnectWaiter& waiter, SessionView view) const;
  // Nothing that a Connect would wait for, or change.
  bool IsSettled(const Incarnation& incarnation) const;
  // By every live proxy, as it is.
  bool IsRouteKnown(const Incarnation& incarnation) const;

  Table& table_;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_CONNECTS_H_
