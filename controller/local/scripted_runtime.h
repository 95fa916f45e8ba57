#ifndef SPAWNER_CONTROLLER_LOCAL_SCRIPTED_RUNTIME_H_
#define SPAWNER_CONTROLLER_LOCAL_SCRIPTED_RUNTIME_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "controller/local/ip_pool.h"
#include "controller/local/runtime.h"

namespace spawner::local {

// What becomes of a pod, in times since the step before. Default: ready at once, obeys the stop.
struct PodScript {
  std::string unschedulable_message;  // not empty: no node ever fits
  absl::Duration schedule_after;
  bool is_image_missing = false;  // ErrImagePull, then ImagePullBackOff; or ErrImageNeverPull
  absl::Duration start_after;     // since it was scheduled
  std::optional<absl::Duration> ready_after = absl::ZeroDuration();  // since start; none: never
  std::optional<absl::Duration> exit_after;                          // since start; none: never
  int exit_code = 0;
  bool is_oom_killed = false;  // exits with 137, OOMKilled
  absl::Duration stop_after;   // since the stop; more than the grace: killed, 137
  int stop_exit_code = 0;
  std::string log;  // written at the start
};

// Plays a script per image, on the caller's time: for tests and the simulation. Accepts any spec.
class ScriptedRuntime : public Runtime {
 public:
  explicit ScriptedRuntime(const Clock& clock) : clock_(clock) {}

  // For pods created from now on. Image "": all that have no script of their own.
  void SetScript(const std::string& image, PodScript script);
  // The running pod's first container exits by itself at the next Step.
  void ExitPod(const std::string& uid, int exit_code);
  size_t running_pods() const { return running_pods_; }

  void CheckPod(const Json& pod, std::vector<FieldFault>& faults) const override {}
  void StartPod(const Json& pod, Instant now) override;
  void StopPod(const std::string& uid, absl::Duration grace, Instant now) override;
  void ForgetPod(const std::string& uid) override;
  std::vector<RuntimeEvent> Step(Instant now) override;
  Instant NextWake() const override;
  const PodLog* FindLog(const std::string& uid) const override;
  void Wait(absl::Duration max_wait) override {}
  void Wake() override {}

 private:
  using Due = std::pair<Instant, uint64_t>;  // ties in order of planning
  struct ScriptedPod {
    PodScript script;
    std::vector<Due> plan;
    std::string ip;  // not empty: running
    bool is_exited = false;
    PodLog log;
  };

  const PodScript& ScriptOf(const std::string& image) const;
  void Plan(ScriptedPod& pod, Instant when, RuntimeEvent event);
  // Drops what is planned for the pod, but an exit that comes before `until`. True if there is one.
  bool CancelPlan(ScriptedPod& pod, Instant until);

  const Clock& clock_;
  std::map<std::string, PodScript> scripts_;
  std::map<std::string, ScriptedPod> pods_;  // by uid
  std::map<Due, RuntimeEvent> planned_;
  uint64_t planned_count_ = 0;
  size_t running_pods_ = 0;
  IpPool ips_;
};

}  // namespace spawner::local

#endif  // SPAWNER_CONTROLLER_LOCAL_SCRIPTED_RUNTIME_H_
