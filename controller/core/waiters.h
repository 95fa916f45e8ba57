#ifndef SPAWNER_CONTROLLER_CORE_WAITERS_H_
#define SPAWNER_CONTROLLER_CORE_WAITERS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "controller/core/service.h"
#include "controller/session/hold.h"

// Parts of an Incarnation: what each feature keeps in it.
namespace spawner::core {

// A Connect that has no answer yet.
struct ConnectWaiter {
  ConnectParams params;
  Service::ConnectDone done;
  std::string grant_id;
  bool created = false;
  StartedFrom started_from = StartedFrom::kLive;
  Instant ack_by;      // the answer waits for acks no longer
  Instant give_up_at;  // of one that waits for an end
};

// A Terminate whose end is not durable yet.
struct TerminateWaiter {
  Service::ViewDone done;
  Instant give_up_at;
};

// Who waits for an annotation to be durable.
struct NoteWaiter {
  std::function<void(absl::Status)> done;
  uint64_t serial = 0;
  Instant give_up_at;
};

// Annotations of the pod that are to be written: notes.h.
struct PendingNotes {
  std::map<std::string, std::string> wanted;  // "": none
  uint64_t serial = 0;                        // of the last change
  uint64_t in_flight = 0;                     // of the last change that is being written
  std::vector<NoteWaiter> waiters;
};

// A hold as the core keeps it: holds.h.
struct HoldState {
  Hold shown;
  absl::Time durable_until;  // as written, or being written
  Instant until;
};

// What a start hangs in, by the pod's events: start_details.h.
struct StartDetail {
  Instant ask_at = Instant::Infinite();
  absl::Duration interval;
  bool is_asking = false;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_WAITERS_H_
