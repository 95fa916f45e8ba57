#ifndef SPAWNER_CONTROLLER_CORE_WRITES_H_
#define SPAWNER_CONTROLLER_CORE_WRITES_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/ids.h"
#include "controller/core/ends.h"
#include "controller/core/incarnation.h"
#include "controller/core/notes.h"
#include "controller/core/pods.h"
#include "controller/core/preparation.h"
#include "controller/core/table.h"
#include "controller/kube/pod.h"

namespace spawner::core {

// What we ask of Kubernetes: one write at a time for a pod, again until the pod shows it.
// Thread: the loop's. Owner: Core.
class Writes {
 public:
  Writes(Table& table, Pods& pods, Ends& ends, Notes& notes, Preparation& preparation)
      : table_(table), pods_(pods), ends_(ends), notes_(notes), preparation_(preparation) {}
  Writes(const Writes&) = delete;
  Writes& operator=(const Writes&) = delete;

  // There is something to write, as far as the last plan says.
  static bool IsDue(const Incarnation& incarnation);
  // Writes, if there is something to write and nothing is being written.
  void Issue(Incarnation& incarnation, Instant now);
  // Gives up an incarnation that has no pod.
  void FailCreate(const SessionId& id, Epoch epoch, const absl::Status& status);

 private:
  void IssueCreate(Incarnation& incarnation);
  void SendCreate(const Incarnation& incarnation);
  void IssueNotes(Incarnation& incarnation);
  void OnCreated(SessionId id, Epoch epoch, absl::StatusOr<kube::Pod> answer);
  void ResolveConflict(const Incarnation& incarnation);
  // Of an end; `had_notes`: it went with annotations that need the pod unchanged.
  void OnWritten(SessionId id, Epoch epoch, bool had_notes, absl::StatusOr<kube::Pod> answer);
  void OnNotesWritten(SessionId id, Epoch epoch, absl::StatusOr<kube::Pod> answer);
  void OnDeleted(SessionId id, Epoch epoch, const absl::Status& status);
  void BackOff(Incarnation& incarnation, const absl::Status& status, Instant now);

  Table& table_;
  Pods& pods_;
  Ends& ends_;
  Notes& notes_;
  Preparation& preparation_;
  int in_flight_ = 0;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_WRITES_H_
