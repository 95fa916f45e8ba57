#ifndef SPAWNER_CONTROLLER_CORE_NOTES_H_
#define SPAWNER_CONTROLLER_CORE_NOTES_H_

#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "controller/core/feature.h"
#include "controller/core/incarnation.h"
#include "controller/core/table.h"

namespace spawner::core {

// What features make durable: annotations of a session's pod. Changes that come while one is being
// written go together with the next write; those that are there when the end is written go with it.
//   notes.Put(incarnation, kHoldsNote, text, [](const absl::Status& status) { ... });
// The pod's resourceVersion is the precondition, so that a leader that is out of date can't undo
// what its successor has written. Who reads an annotation in OnPod asks IsPending first: while a
// change is under way, what the pod says is older than what was Put.
// Thread: the loop's. Owner: Core.
class Notes final : public Feature {
 public:
  explicit Notes(Table& table) : table_(table) {}

  // Replaces the annotation; an empty value removes it. `done` (may be null) is called with OK when
  // the pod has it; UNAVAILABLE / KUBERNETES_UNREACHABLE after 10 s, while tries go on; UNAVAILABLE
  // / NO_LEADER when this controller leads no more, and what Kubernetes said if it refuses it for
  // good: then it is dropped. For a pod that is not created yet it is written after the create.
  void Put(Incarnation& incarnation, const std::string& name, std::string value,
           std::function<void(absl::Status)> done);
  // RESOURCE_EXHAUSTED / RATE_LIMITED if too many wait already, of this session or of all: ask
  // before a change that somebody is to wait for.
  absl::Status CheckRoom(const Incarnation& incarnation, absl::string_view tried) const;
  static bool IsPending(const Incarnation& incarnation, const std::string& name) {
    return WantedNote(incarnation, name) != nullptr;
  }
  // What the pod lacks of what is wanted.
  static std::map<std::string, std::string> ToWrite(const Incarnation& incarnation);

  // --- for Writes --------------------------------------------------------------------------------
  static void OnIssued(Incarnation& incarnation);
  // All that was issued is in the pod.
  void OnWritten(Incarnation& incarnation);
  // It never will be.
  void Drop(Incarnation& incarnation, const absl::Status& status);

  void OnPlanned(Incarnation& incarnation, Instant now, Instant& wake_at) override;
  void OnUnborn(Incarnation& incarnation, const absl::Status& status) override;
  void OnForgotten(Incarnation& incarnation) override;
  void OnStandDown(const absl::Status& status) override;

 private:
  void Answer(NoteWaiter waiter, const absl::Status& status);

  Table& table_;
  size_t waiting_ = 0;  // over all sessions
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_NOTES_H_
