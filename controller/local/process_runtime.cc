#include "controller/local/process_runtime.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/local/limits.h"
#include "controller/local/object_schema.h"
#include "controller/local/port_owner.h"

namespace spawner::local {
namespace {

using Kind = RuntimeEvent::Kind;

constexpr uint64_t kWakeTag = 0;
constexpr int kEventsPerTurn = 256;
constexpr int kStartErrorCode = 128;  // as containerd
// What a kubelet takes from a failed container's log with FallbackToLogsOnError.
constexpr uint64_t kMessageLines = 80;
constexpr size_t kMessageBytes = 2048;

int ToPollTimeout(absl::Duration wait) {
  // Rounded up: a wait that ends too early would only spin.
  const int64_t ms = absl::ToInt64Milliseconds(wait + absl::Milliseconds(1) - absl::Nanoseconds(1));
  return static_cast<int>(std::clamp<int64_t>(ms, 0, 3'600'000));
}

}  // namespace

ProcessDefaults ProcessRuntime::DefaultsOfThisProcess() {
  ProcessDefaults defaults;
  // Read once, at start, before there are threads.
  if (const char* path = getenv("PATH"))
    defaults.path = path;  // NOLINT(concurrency-mt-unsafe): start
  if (const char* home = getenv("HOME"))
    defaults.home = home;  // NOLINT(concurrency-mt-unsafe): start
  return defaults;
}

absl::StatusOr<std::unique_ptr<ProcessRuntime>> ProcessRuntime::Create(const Clock& clock,
                                                                       ProcessDefaults defaults) {
  ASSIGN_OR_RETURN(IpRegion region, IpRegion::Claim());
  const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  const int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  // From here on the runtime owns both.
  std::unique_ptr<ProcessRuntime> runtime(
      new ProcessRuntime(clock, std::move(defaults), std::move(region), epoll_fd, wake_fd));
  if (epoll_fd < 0 || wake_fd < 0 || !runtime->Register(wake_fd, kWakeTag).ok()) {
    return absl::ResourceExhaustedError(
        "start the local runtime: no descriptors for epoll and eventfd; raise `ulimit -n`");
  }
  return runtime;
}

ProcessRuntime::ProcessRuntime(const Clock& clock, ProcessDefaults defaults, IpRegion region,
                               int epoll_fd, int wake_fd)
    : clock_(clock),
      defaults_(std::move(defaults)),
      epoll_fd_(epoll_fd),
      wake_fd_(wake_fd),
      region_(std::move(region)),
      ips_(region_.number()) {}

ProcessRuntime::~ProcessRuntime() {
  for (auto& [uid, pod] : pods_) {
    if (pod.child) pod.child->Signal(SIGKILL);  // all first: then they end side by side
  }
  pods_.clear();
  if (epoll_fd_ >= 0) close(epoll_fd_);
  if (wake_fd_ >= 0) close(wake_fd_);
}

void ProcessRuntime::CheckPod(const Json& pod, std::vector<FieldFault>& faults) const {
  CheckLocalPod(pod, faults);
}

void ProcessRuntime::StartPod(const Json& pod, Instant now) {
  const std::string uid = MetaText(pod, "uid");
  Pod& started = pods_[uid];
  started.object = pod;
  if (running_ >= kProcessesMax) {
    queued_.push_back(uid);
    Report(Kind::kUnschedulable, uid, "Unschedulable",
           absl::StrCat("local mode runs at most ", kProcessesMax, " pods at once"));
    return;
  }
  Launch(uid, started, now);
}

void ProcessRuntime::Launch(const std::string& uid, Pod& pod, Instant now) {
  Report(Kind::kScheduled, uid);
  if (IsImageOnly(pod.object)) {
    Report(Kind::kWaiting, uid, "ErrImageNeverPull",
           "local mode runs commands, not images: give spec.command");
    return;
  }
  pod.ip = ips_.Take();
  const ProcessSpec spec = MakeProcessSpec(pod.object, pod.ip, defaults_);
  pod.has_log_message = pod.object["spec"]["containers"][0].value("terminationMessagePolicy", "") ==
                        "FallbackToLogsOnError";
  pod.object = nullptr;
  pod.tag = ++last_tag_;
  uids_[pod.tag] = uid;
  ++running_;
  Report(Kind::kStarted, uid);
  events_.back().ip = pod.ip;

  absl::StatusOr<std::unique_ptr<ChildProcess>> child = ChildProcess::Start(spec);
  absl::Status status = child.status();
  if (status.ok()) status = Register((*child)->pidfd(), pod.tag);
  if (status.ok()) status = Register((*child)->output_fd(), pod.tag);
  if (!status.ok()) {
    Exit(uid, pod, kStartErrorCode, "StartError", std::string(status.message()));
    return;
  }
  pod.child = *std::move(child);
  if (spec.port) {
    pod.port = *spec.port;
    pod.probe = std::make_unique<TcpProbe>(Address{.ip = pod.ip, .port = pod.port}, now);
  } else {
    Report(Kind::kReady, uid);
  }
}

absl::Status ProcessRuntime::Register(int fd, uint64_t tag) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = tag;
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0) return absl::OkStatus();
  char text[128];
  return absl::InternalError(absl::StrCat("epoll_ctl: ", strerror_r(errno, text, sizeof(text))));
}

void ProcessRuntime::StopPod(const std::string& uid, absl::Duration grace, Instant now) {
  const auto found = pods_.find(uid);
  if (found == pods_.end() || found->second.is_exited) return;
  Pod& pod = found->second;
  if (!pod.child) {  // waits for a place, or has no command
    std::erase(queued_, uid);
    Exit(uid, pod, 0, "", "");
    return;
  }
  pod.child->Signal(SIGTERM);
  pod.kill_at = std::min(pod.kill_at, now + grace);
}

void ProcessRuntime::ForgetPod(const std::string& uid) { pods_.erase(uid); }

std::vector<RuntimeEvent> ProcessRuntime::Step(Instant now) {
  epoll_event ready[kEventsPerTurn];
  const int count = epoll_wait(epoll_fd_, ready, kEventsPerTurn, 0);  // the rest comes next turn
  for (int i = 0; i < count; ++i) {
    const uint64_t tag = ready[i].data.u64;  // a copy: the kernel's struct is packed
    if (tag == kWakeTag) {
      uint64_t wakes = 0;
      [[maybe_unused]] const ssize_t taken = read(wake_fd_, &wakes, sizeof(wakes));
      continue;
    }
    const auto uid = uids_.find(tag);
    if (uid == uids_.end()) continue;  // exited by an earlier event of this turn
    const std::string pod_uid = uid->second;
    Look(pod_uid, pods_.at(pod_uid));
  }
  for (auto& [uid, pod] : pods_) OnTime(uid, pod, now);
  LaunchQueued(now);
  return std::exchange(events_, {});
}

void ProcessRuntime::Look(const std::string& uid, Pod& pod) {
  const std::optional<int> exit_code = pod.child->TryReap();
  pod.log.Append(pod.child->ReadOutput(kLogReadBytesPerTurn), clock_.WallNow());
  if (exit_code) Exit(uid, pod, *exit_code, "", "");
}

void ProcessRuntime::OnTime(const std::string& uid, Pod& pod, Instant now) {
  if (!pod.child) return;
  if (now >= pod.kill_at) {
    pod.child->Signal(SIGKILL);
    pod.kill_at = Instant::Infinite();
  }
  if (!pod.probe || !pod.probe->Try(now)) return;
  const Address address = {.ip = pod.ip, .port = pod.port};
  if (IsAnsweredByAnother(address, pod.child->pid())) {
    pod.probe = std::make_unique<TcpProbe>(address, now + kProbeDelayMax);
    return;
  }
  pod.probe.reset();
  pod.was_ready = true;
  Report(Kind::kReady, uid);
}

void ProcessRuntime::LaunchQueued(Instant now) {
  while (!queued_.empty() && running_ < kProcessesMax) {
    const std::string uid = std::move(queued_.front());
    queued_.pop_front();
    Launch(uid, pods_.at(uid), now);
  }
}

std::string ProcessRuntime::Explain(const Pod& pod) {
  std::string message = pod.log.Read({.tail_lines = kMessageLines});
  if (message.size() > kMessageBytes) message.erase(0, message.size() - kMessageBytes);
  if (pod.port != 0 && !pod.was_ready &&
      (SaysPortInUse(message) ||
       IsAnsweredByAnother({.ip = pod.ip, .port = pod.port}, /*session=*/-1))) {
    message = absl::StrCat("port ", pod.port, " is taken by another session or program: every ",
                           "backend must listen on the address in HOST (here ", pod.ip,
                           "), none on 0.0.0.0; it said: ", message);
  }
  return message;
}

void ProcessRuntime::Exit(const std::string& uid, Pod& pod, int exit_code, std::string reason,
                          std::string message) {
  pod.child.reset();
  pod.probe.reset();
  pod.kill_at = Instant::Infinite();
  pod.is_exited = true;
  pod.log.Close(clock_.WallNow());
  if (message.empty() && exit_code != 0 && pod.has_log_message) message = Explain(pod);
  if (!pod.ip.empty()) {
    uids_.erase(pod.tag);
    ips_.Return(pod.ip);
    --running_;
  }
  Report(Kind::kExited, uid, std::move(reason), std::move(message));
  events_.back().exit_code = exit_code;
}

void ProcessRuntime::Report(Kind kind, const std::string& uid, std::string reason,
                            std::string message) {
  RuntimeEvent event;
  event.kind = kind;
  event.uid = uid;
  event.reason = std::move(reason);
  event.message = std::move(message);
  events_.push_back(std::move(event));
}

Instant ProcessRuntime::NextWake() const {
  if (!events_.empty()) return Instant{};
  Instant wake = Instant::Infinite();
  for (const auto& [uid, pod] : pods_) {
    wake = std::min(wake, pod.kill_at);
    if (pod.probe) wake = std::min(wake, pod.probe->next_try());
  }
  return wake;
}

const PodLog* ProcessRuntime::FindLog(const std::string& uid) const {
  const auto found = pods_.find(uid);
  return found == pods_.end() || found->second.ip.empty() ? nullptr : &found->second.log;
}

void ProcessRuntime::Wait(absl::Duration max_wait) {
  epoll_event ready;
  epoll_wait(epoll_fd_, &ready, 1, ToPollTimeout(max_wait));  // Step takes what is there
}

void ProcessRuntime::Wake() {
  const uint64_t one = 1;
  // A full counter means: a wake is due already.
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof(one));
}

}  // namespace spawner::local
