#ifndef SPAWNER_CONTROLLER_CORE_CLAIMS_H_
#define SPAWNER_CONTROLLER_CORE_CLAIMS_H_

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/ids.h"
#include "controller/core/feature.h"
#include "controller/core/incarnation.h"
#include "controller/core/table.h"

namespace spawner::core {

// The PersistentVolumeClaims of sessions: there before the pod that mounts them, gone after the
// last record of the session is, unless they are kept. Kubernetes itself keeps a claim that a
// running pod mounts. Each incarnation writes its epoch on the claims that it takes over, and a
// claim is deleted only at the version that was read after the session had no incarnation left: a
// leader that is out of date deletes nothing that its successor uses.
// What is to be deleted is not stored: a new leader lists the claims once, and those of no session
// go when their retention, counted from then, is over.
// Thread: the loop's. Owner: Core.
class Claims final : public Feature {
 public:
  explicit Claims(Table& table) : table_(table) {}

  // Makes sure that the incarnation's claims are there and its own: one create each, and for one
  // that is there a get and an update. OK from within the call if it has none. UNAVAILABLE: try
  // again. INVALID_FIELD if a claim is somebody else's.
  void Ensure(const Incarnation& incarnation, std::function<void(absl::Status)> done);

  void OnPod(Incarnation& incarnation) override;
  void OnUnborn(Incarnation& incarnation, const absl::Status& status) override;
  void OnForgotten(Incarnation& incarnation) override;
  void OnStandDown(const absl::Status& status) override;
  void OnTakeOver(Instant now) override;
  void Step(Instant now) override;
  Instant NextWake() const override;

 private:
  struct Ensuring;
  using EnsuringPtr = std::shared_ptr<Ensuring>;
  // A session without incarnations, whose claims are to go.
  struct Doomed {
    std::string ns;
    Instant at;
    int failures = 0;
    bool is_in_flight = false;
  };

  void CreateNext(const EnsuringPtr& ensuring);
  void TakeOverClaim(const EnsuringPtr& ensuring);
  void DoomIfLast(const Incarnation& incarnation);
  bool IsOver(const SessionId& id) const;
  void List(const std::string& ns, const std::string& page_token, uint64_t term);
  void TakeList(const std::string& ns, const std::string& text, uint64_t term);
  void Sweep(const SessionId& id, Doomed& doomed);
  void DeleteListed(const SessionId& id, const absl::StatusOr<std::string>& list);
  void OnSwept(const SessionId& id, const absl::Status& status);
  std::function<void(absl::StatusOr<std::string>)> IfAlive(
      std::function<void(const absl::StatusOr<std::string>&)> work) const;

  Table& table_;
  std::set<SessionId> sessions_;  // that have claims, as far as is known
  std::map<SessionId, Doomed> doomed_;
  std::map<std::string, Instant> lists_due_;  // by namespace
  uint64_t term_ = 0;                         // answers of earlier ones are dropped
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_CLAIMS_H_
