#ifndef SPAWNER_CONTROLLER_LOCAL_CHILD_PROCESS_H_
#define SPAWNER_CONTROLLER_LOCAL_CHILD_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "controller/local/process_spec.h"

namespace spawner::local {

// A process in a session of its own, with everything it starts: no open files but one pipe for its
// output, and killed by the kernel if the thread that started it ends (PR_SET_PDEATHSIG; what it
// has started itself gets that only from us). No SIGCHLD: its end is told by a pidfd.
// Thread: the one that started it. Owner: ProcessRuntime.
class ChildProcess {
 public:
  // NOT_FOUND: there is no such command; INTERNAL: it can't be run. The message says why.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(const ProcessSpec& spec);
  // Kills what still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  int pidfd() const { return pidfd_; }          // readable once it has exited
  int output_fd() const { return output_fd_; }  // -1 at its end
  pid_t pid() const { return pid_; }

  // To all of its group.
  void Signal(int signal);
  // Its exit code, 128 + N if signal N killed it, once it has exited. Kills what it left behind.
  std::optional<int> TryReap();
  // Up to `bytes_max` of its output. Nothing: there is none now.
  std::string ReadOutput(size_t bytes_max);

 private:
  ChildProcess(pid_t pid, int pidfd, int output_fd)
      : pid_(pid), pidfd_(pidfd), output_fd_(output_fd) {}

  const pid_t pid_;
  const int pidfd_;
  int output_fd_;
  bool is_reaped_ = false;
};

}  // namespace spawner::local

#endif  // SPAWNER_CONTROLLER_LOCAL_CHILD_PROCESS_H_
