#ifndef SPAWNER_CONTROLLER_LOCAL_PROCESS_RUNTIME_H_
#define SPAWNER_CONTROLLER_LOCAL_PROCESS_RUNTIME_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "controller/local/child_process.h"
#include "controller/local/ip_pool.h"
#include "controller/local/ip_region.h"
#include "controller/local/process_spec.h"
#include "controller/local/runtime.h"
#include "controller/local/tcp_probe.h"

namespace spawner::local {

// Runs each pod as a process group on an address of its own in its IpRegion, told to it as HOST
// and PORT. No isolation: it is for one's own programs on one's own machine. A pod is ready once
// its port accepts a connection, and stays so until it exits. A program that listens on every
// address instead of HOST takes the port from every other pod: those are not ready by its answers,
// and end with an explanation.
// Thread: one (which outlives the runtime: see ChildProcess), but for Wake.
class ProcessRuntime : public Runtime {
 public:
  // The PATH and HOME of this process.
  static ProcessDefaults DefaultsOfThisProcess();
  // RESOURCE_EXHAUSTED: no descriptors, or too many local controllers on this machine.
  static absl::StatusOr<std::unique_ptr<ProcessRuntime>> Create(const Clock& clock,
                                                                ProcessDefaults defaults);
  ~ProcessRuntime() override;  // kills all pods
  ProcessRuntime(const ProcessRuntime&) = delete;
  ProcessRuntime& operator=(const ProcessRuntime&) = delete;

  void CheckPod(const Json& pod, std::vector<FieldFault>& faults) const override;
  void StartPod(const Json& pod, Instant now) override;
  void StopPod(const std::string& uid, absl::Duration grace, Instant now) override;
  void ForgetPod(const std::string& uid) override;
  std::vector<RuntimeEvent> Step(Instant now) override;
  Instant NextWake() const override;
  const PodLog* FindLog(const std::string& uid) const override;
  void Wait(absl::Duration max_wait) override;
  void Wake() override;

 private:
  struct Pod {
    Json object;  // until it is launched
    uint64_t tag = 0;
    std::unique_ptr<ChildProcess> child;
    std::unique_ptr<TcpProbe> probe;
    std::string ip;
    uint16_t port = 0;  // 0: none
    bool was_ready = false;
    Instant kill_at = Instant::Infinite();
    bool has_log_message = false;  // the end of its log explains a failure
    bool is_exited = false;
    PodLog log;
  };

  ProcessRuntime(const Clock& clock, ProcessDefaults defaults, IpRegion region, int epoll_fd,
                 int wake_fd);
  void Launch(const std::string& uid, Pod& pod, Instant now);
  void LaunchQueued(Instant now);
  absl::Status Register(int fd, uint64_t tag);
  // Reads the output and looks whether the process has exited.
  void Look(const std::string& uid, Pod& pod);
  void OnTime(const std::string& uid, Pod& pod, Instant now);
  void Exit(const std::string& uid, Pod& pod, int exit_code, std::string reason,
            std::string message);
  // Why it failed, as far as its output and its port tell.
  static std::string Explain(const Pod& pod);
  void Report(RuntimeEvent::Kind kind, const std::string& uid, std::string reason = "",
              std::string message = "");

  const Clock& clock_;
  const ProcessDefaults defaults_;
  const int epoll_fd_;
  const int wake_fd_;
  std::map<std::string, Pod> pods_;       // by uid
  std::map<uint64_t, std::string> uids_;  // by what epoll tells
  uint64_t last_tag_ = 0;
  std::deque<std::string> queued_;  // pods that wait for one of kProcessesMax places
  size_t running_ = 0;
  std::vector<RuntimeEvent> events_;
  const IpRegion region_;
  IpPool ips_;
};

}  // namespace spawner::local

#endif  // SPAWNER_CONTROLLER_LOCAL_PROCESS_RUNTIME_H_
