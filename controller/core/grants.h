#ifndef SPAWNER_CONTROLLER_CORE_GRANTS_H_
#define SPAWNER_CONTROLLER_CORE_GRANTS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "controller/core/feature.h"
#include "controller/core/incarnation.h"
#include "controller/core/notes.h"
#include "controller/core/service.h"
#include "controller/core/table.h"
#include "controller/session/revocations.h"

namespace spawner::core {

// Further grants of a session, and their end: a revocation is an annotation of the pod before any
// proxy hears of it, reaches the proxies with the route, and is carried over to the key's next
// incarnation (slot_grants.h). Only the pod remembers it: the record of an ended session that has
// revocations is kept until they may be forgotten, whatever its retention says.
// Thread: the loop's. Owner: Core.
class Grants final : public Feature {
 public:
  Grants(Table& table, Notes& notes) : table_(table), notes_(notes) {}

  void Create(GrantParams params, Service::ConnectDone done);
  void Revoke(RevokeParams params, Service::RevokeDone done);

  void OnPod(Incarnation& incarnation) override;
  void OnTakeOver(Instant now) override;
  void BeforePlan(Incarnation& incarnation, Instant now) override;
  void OnStandDown(const absl::Status& status) override;
  void Step(Instant now) override;
  Instant NextWake() const override;

 private:
  // One Revoke that has no answer yet.
  struct Waiter {
    SessionId id;
    Revocations revocations;
    Service::RevokeDone done;
    bool is_durable = false;
    Instant give_up_at;
  };

  // The pod's note can't be read: everything issued until now counts as taken back, and the leader
  // writes that over it.
  void ReadAsAll(Incarnation& incarnation);
  void OnWritten(uint64_t serial, const absl::Status& status);
  // False: it waits on.
  bool Answer(const Waiter& waiter, Instant now);
  std::vector<std::string> PendingAt(uint64_t version, bool& is_any_connected) const;

  Table& table_;
  Notes& notes_;
  std::map<uint64_t, Waiter> waiters_;
  uint64_t last_serial_ = 0;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_GRANTS_H_
