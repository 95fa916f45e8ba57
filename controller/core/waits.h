#ifndef SPAWNER_CONTROLLER_CORE_WAITS_H_
#define SPAWNER_CONTROLLER_CORE_WAITS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/ids.h"
#include "controller/core/feature.h"
#include "controller/core/incarnation.h"
#include "controller/core/service.h"
#include "controller/core/table.h"

namespace spawner::core {

// Who waits for a session to be in a state. A change of the session only notes that somebody may be
// answered; that is decided once in each turn, when the next incarnation has been started if there
// is to be one.
// Thread: the loop's. Owner: Core.
class Waits final : public Feature {
 public:
  explicit Waits(Table& table) : table_(table) {}

  // `done` is called within the call, or later; not after Cancel. 0: it was called.
  Service::WaitId Wait(WaitParams params, Service::ViewDone done);
  void Cancel(Service::WaitId id) { Remove(id); }
  size_t size() const { return waits_.size(); }

  void OnPlanned(Incarnation& incarnation, Instant now, Instant& wake_at) override;
  void OnUnborn(Incarnation& incarnation, const absl::Status& status) override;
  void OnForgotten(Incarnation& incarnation) override;
  void OnStandDown(const absl::Status& status) override;
  void Step(Instant now) override;
  Instant NextWake() const override;

 private:
  struct Waiter {
    WaitParams params;
    Service::ViewDone done;
    Instant until;
  };

  // Nullopt: it waits on.
  std::optional<absl::StatusOr<SessionView>> Look(const Waiter& waiter, Instant now);
  void Remove(Service::WaitId id);
  void Note(const SessionId& id);
  void Give(Service::WaitId id, absl::StatusOr<SessionView> answer);

  Table& table_;
  Service::WaitId last_id_ = 0;
  std::map<Service::WaitId, Waiter> waits_;
  std::map<SessionId, std::set<Service::WaitId>> by_session_;
  std::set<std::pair<Instant, Service::WaitId>> deadlines_;
  std::set<SessionId> changed_;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_WAITS_H_
