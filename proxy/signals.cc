#include "proxy/signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace spawner::proxy {
namespace {

sigset_t Watched() {
  sigset_t set;
  sigemptyset(&set);
  for (int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
  return set;
}

}  // namespace

Signals::Signals() {
  signal(SIGPIPE, SIG_IGN);
  const sigset_t set = Watched();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

Signals::~Signals() {
  // Not through its Io: that is gone by now, and what is closed leaves an epoll by itself.
  if (fd_ >= 0) close(fd_);
}

absl::Status Signals::Attach(Io& io) {
  const sigset_t set = Watched();
  fd_ = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (fd_ < 0 || !io.Register({fd_}, *this)) {
    return absl::ResourceExhaustedError("watch signals: the kernel gives no descriptor");
  }
  return absl::OkStatus();
}

void Signals::OnIo(IoEvents) {
  signalfd_siginfo info;
  while (read(fd_, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
    ++(info.ssi_signo == SIGHUP ? reloads_ : terminates_);
  }
}

bool Signals::TakeTerminate() {
  if (terminates_ == 0) return false;
  --terminates_;
  return true;
}

bool Signals::TakeReload() {
  const bool came = reloads_ > 0;
  reloads_ = 0;
  return came;
}

}  // namespace spawner::proxy
