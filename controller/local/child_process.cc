#include "controller/local/child_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"

namespace spawner::local {
namespace {

constexpr int kFirstSafeFd = 10;    // above what the child uses before exec
constexpr int kErrorFd = 3;         // in the child
constexpr int kKillWaitMs = 1'000;  // SIGKILL takes effect at once, but for a stuck system call

// A descriptor that closes itself.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  ~Fd() { Reset(); }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }
  void Reset(int fd = -1) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }

 private:
  int fd_;
};

std::string ErrnoText(int error) {
  char buffer[128];
  return strerror_r(error, buffer, sizeof(buffer));  // the GNU one: returns the text
}

absl::Status Failed(absl::string_view what) {
  return absl::InternalError(absl::StrCat(what, ": ", ErrnoText(errno)));
}

// Moves `fd` above the numbers that the child overwrites.
absl::Status MoveUp(int fd, Fd& moved) {
  const int copy = fcntl(fd, F_DUPFD_CLOEXEC, kFirstSafeFd);
  if (copy < 0) return Failed("fcntl(F_DUPFD_CLOEXEC)");
  moved.Reset(copy);
  return absl::OkStatus();
}

absl::Status MakePipe(Fd& read_end, Fd& write_end) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) < 0) return Failed("pipe2");
  Fd low_read(fds[0]);
  Fd low_write(fds[1]);
  RETURN_IF_ERROR(MoveUp(low_read.get(), read_end));
  return MoveUp(low_write.get(), write_end);
}

// Where execve shall look: as execvpe, but before the child is there.
absl::StatusOr<std::string> FindCommand(const ProcessSpec& spec) {
  const std::string& name = spec.argv[0];
  if (name.empty()) return absl::NotFoundError("the command is empty");
  if (absl::StrContains(name, "/")) return name;
  for (absl::string_view variable : spec.environment) {
    if (!absl::ConsumePrefix(&variable, "PATH=")) continue;
    for (absl::string_view directory : absl::StrSplit(variable, ':', absl::SkipEmpty())) {
      std::string candidate = absl::StrCat(directory, "/", name);
      if (access(candidate.c_str(), X_OK) == 0) return candidate;
    }
  }
  return absl::NotFoundError(
      absl::StrCat("exec: \"", name, "\": executable file not found in $PATH"));
}

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// All that the child needs, made before: it may neither allocate nor lock.
struct Launch {
  pid_t parent = 0;
  const char* path = nullptr;
  char* const* argv = nullptr;
  char* const* environment = nullptr;
  const char* working_dir = nullptr;  // null: stay
  int null_fd = -1;
  int output_fd = -1;
  int error_fd = -1;
};

// Runs in the child between vfork and exec, in its parent's memory: system calls only.
[[noreturn]] void RunChild(const Launch& launch) {
  setsid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != launch.parent) _exit(127);  // it ended before the line above
  struct sigaction by_default{};
  by_default.sa_handler = SIG_DFL;
  for (int signal_number = 1; signal_number < NSIG; ++signal_number) {
    sigaction(signal_number, &by_default, nullptr);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  dup2(launch.null_fd, STDIN_FILENO);
  dup2(launch.output_fd, STDOUT_FILENO);
  dup2(launch.output_fd, STDERR_FILENO);
  dup3(launch.error_fd, kErrorFd, O_CLOEXEC);
  syscall(SYS_close_range, kErrorFd + 1, ~0U, 0);
  if (launch.working_dir == nullptr || chdir(launch.working_dir) == 0) {
    execve(launch.path, launch.argv, launch.environment);
  }
  const int error = errno;
  // A failing write leaves a short answer, which the parent takes for a failure too.
  [[maybe_unused]] const ssize_t written = write(kErrorFd, &error, sizeof(error));
  _exit(127);
}

// Starts RunChild; this thread goes on when it has called execve or exited. A fork would copy the
// page tables of all our memory, only for execve to throw them away: with 1,000 sessions that was
// half of this process's CPU time.
pid_t Spawn(const Launch& launch) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // no handler of ours may run in the child
  const pid_t pid = vfork();
  if (pid == 0) RunChild(launch);
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return pid;
}

// Waits until the child has called execve: OK, or why it could not.
absl::Status ReadExecResult(int fd, const ProcessSpec& spec) {
  int error = 0;
  ssize_t count;
  do {
    count = read(fd, &error, sizeof(error));
  } while (count < 0 && errno == EINTR);
  if (count == 0) return absl::OkStatus();
  if (count != sizeof(error)) error = EIO;
  const std::string what =
      absl::StrCat("exec: \"", spec.argv[0], "\"", spec.working_dir.empty() ? "" : " in ",
                   spec.working_dir, ": ", ErrnoText(error));
  return error == ENOENT ? absl::NotFoundError(what) : absl::InternalError(what);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(const ProcessSpec& spec) {
  ASSIGN_OR_RETURN(const std::string path, FindCommand(spec));
  Fd output_read, output_write, error_read, error_write, null_fd;
  RETURN_IF_ERROR(MakePipe(output_read, output_write));
  RETURN_IF_ERROR(MakePipe(error_read, error_write));
  Fd low_null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (low_null.get() < 0) return Failed("open /dev/null");
  RETURN_IF_ERROR(MoveUp(low_null.get(), null_fd));
  if (fcntl(output_read.get(), F_SETFL, O_NONBLOCK) < 0) return Failed("fcntl(O_NONBLOCK)");

  const std::vector<char*> argv = Pointers(spec.argv);
  const std::vector<char*> environment = Pointers(spec.environment);
  Launch launch;
  launch.parent = getpid();
  launch.path = path.c_str();
  launch.argv = argv.data();
  launch.environment = environment.data();
  if (!spec.working_dir.empty()) launch.working_dir = spec.working_dir.c_str();
  launch.null_fd = null_fd.get();
  launch.output_fd = output_write.get();
  launch.error_fd = error_write.get();

  const pid_t pid = Spawn(launch);
  if (pid < 0) return Failed("vfork");
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) {
    const absl::Status failed = Failed("pidfd_open");
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return failed;
  }
  std::unique_ptr<ChildProcess> child(new ChildProcess(pid, pidfd, output_read.Release()));
  error_write.Reset();
  RETURN_IF_ERROR(ReadExecResult(error_read.get(), spec));
  return child;
}

ChildProcess::~ChildProcess() {
  if (!is_reaped_) {
    Signal(SIGKILL);
    pollfd wait{.fd = pidfd_, .events = POLLIN, .revents = 0};
    poll(&wait, 1, kKillWaitMs);
    TryReap();
  }
  close(pidfd_);
  if (output_fd_ >= 0) close(output_fd_);
}

void ChildProcess::Signal(int signal) {
  if (is_reaped_) return;
  // Before its setsid the child has no group yet: then it is the only process there is.
  if (kill(-pid_, signal) < 0) kill(pid_, signal);
}

std::optional<int> ChildProcess::TryReap() {
  siginfo_t end{};
  // Not reaped yet: until then nobody else can get its process group's number.
  if (waitid(P_PID, static_cast<id_t>(pid_), &end, WEXITED | WNOHANG | WNOWAIT) < 0 ||
      end.si_pid == 0) {
    return std::nullopt;
  }
  kill(-pid_, SIGKILL);  // as a container's end takes all its processes along
  waitid(P_PID, static_cast<id_t>(pid_), &end, WEXITED | WNOHANG);
  is_reaped_ = true;
  return end.si_code == CLD_EXITED ? end.si_status : 128 + end.si_status;
}

std::string ChildProcess::ReadOutput(size_t bytes_max) {
  std::string output;
  char buffer[16 * 1024];
  while (output_fd_ >= 0 && output.size() < bytes_max) {
    const ssize_t count =
        read(output_fd_, buffer, std::min(sizeof(buffer), bytes_max - output.size()));
    if (count > 0) {
      output.append(buffer, static_cast<size_t>(count));
    } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
      close(output_fd_);  // its end: all writers are gone
      output_fd_ = -1;
    } else if (errno == EAGAIN) {
      break;
    }
  }
  return output;
}

}  // namespace spawner::local
