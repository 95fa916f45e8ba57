#ifndef SPAWNER_CONTROLLER_LOCAL_RUNTIME_H_
#define SPAWNER_CONTROLLER_LOCAL_RUNTIME_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/json.h"
#include "controller/local/api_error.h"
#include "controller/local/pod_log.h"

namespace spawner::local {

// What has happened to a pod.
struct RuntimeEvent {
  enum class Kind {
    kUnschedulable,  // message
    kScheduled,
    kWaiting,  // the container can't start: reason, message
    kStarted,  // ip
    kReady,
    kNotReady,
    kExited,  // exit_code, reason; also the answer to StopPod for one that never started
  };
  Kind kind = Kind::kScheduled;
  std::string uid;
  std::string ip;
  std::string reason;  // empty at kExited: "Completed" or "Error" by the code
  std::string message;
  int exit_code = 0;
};

// Where the kubelet's pods run: ProcessRuntime starts processes, ScriptedRuntime plays a script.
// Thread: one, but for Wake.
class Runtime {
 public:
  virtual ~Runtime() = default;

  // Appends what of a pod this runtime can't do, each with its field: the create answers 422.
  virtual void CheckPod(const Json& pod, std::vector<FieldFault>& faults) const = 0;
  // `pod` is a whole, checked pod. Events tell what becomes of it.
  virtual void StartPod(const Json& pod, Instant now) = 0;
  // Asks the pod to end, and ends it when `grace` is over. Called again only with less grace.
  // Exactly one kExited follows, unless it came already.
  virtual void StopPod(const std::string& uid, absl::Duration grace, Instant now) = 0;
  // The pod has exited and its object is gone: its log goes too.
  virtual void ForgetPod(const std::string& uid) = 0;
  // All that has happened up to `now`, in order.
  virtual std::vector<RuntimeEvent> Step(Instant now) = 0;
  // When Step has something to do at the latest.
  virtual Instant NextWake() const = 0;
  // Null if nothing of this pod ever ran.
  virtual const PodLog* FindLog(const std::string& uid) const = 0;

  // Waits for at most `max_wait`, less if Step has something to do or Wake is called. A runtime
  // without a world outside does not wait at all.
  virtual void Wait(absl::Duration max_wait) = 0;
  // Any thread: ends the present or the next Wait.
  virtual void Wake() = 0;
};

}  // namespace spawner::local

#endif  // SPAWNER_CONTROLLER_LOCAL_RUNTIME_H_
