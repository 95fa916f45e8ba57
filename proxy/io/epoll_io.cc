#include "proxy/io/epoll_io.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status.h"
#include "proxy/io/sockaddr.h"

namespace spawner::proxy {
namespace {

absl::Status ErrnoStatus(int error, absl::string_view what) {
  const std::string message =
      absl::StrCat(what, ": ", strerrordesc_np(error) ? strerrordesc_np(error) : "unknown error");
  switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case EAGAIN:  // connect: no local port left
      return absl::ResourceExhaustedError(message);
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(message);
    default:
      return absl::UnavailableError(message);
  }
}

void SetOption(int fd, int level, int option, int value) {
  setsockopt(fd, level, option, &value, sizeof(value));
}

// A peer that vanished without a word (a laptop asleep, a node lost) is noticed after `timeout`:
// until then it counts as a user. tcp(7): keepalive finds one to which nothing is on its way,
// TCP_USER_TIMEOUT one that does not acknowledge what is, or takes nothing of it.
void SetConnectionOptions(int fd, absl::Duration timeout) {
  const int seconds = static_cast<int>(absl::ToInt64Seconds(timeout));
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds / 2);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, std::max(1, seconds / (2 * kDeadPeerProbes)));
  SetOption(fd, IPPROTO_TCP, TCP_KEEPCNT, kDeadPeerProbes);
  SetOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 1000 * seconds);
}

// recv(), send() and sendmsg() of glibc are points of thread cancellation, which costs two atomic
// operations each in a program with threads: 1.4 % of a small request in a profile.
ssize_t Receive(int fd, char* bytes, size_t size) {
  return syscall(SYS_recvfrom, fd, bytes, size, 0, nullptr, nullptr);
}

ssize_t SendOne(int fd, const iovec& part, int flags) {
  return syscall(SYS_sendto, fd, part.iov_base, part.iov_len, flags, nullptr, 0);
}

ssize_t SendMany(int fd, absl::Span<const iovec> parts, int flags) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
  return syscall(SYS_sendmsg, fd, &message, flags);
}

}  // namespace

absl::StatusOr<std::unique_ptr<EpollIo>> EpollIo::Create(Descriptors* descriptors,
                                                         absl::Duration dead_peer_timeout) {
  std::unique_ptr<EpollIo> io(new EpollIo(descriptors, dead_peer_timeout));
  io->epoll_ = epoll_create1(EPOLL_CLOEXEC);
  io->wake_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  io->reserve_ = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (io->epoll_ < 0 || io->wake_ < 0 || io->reserve_ < 0) {
    return ErrnoStatus(errno, "create epoll instance");
  }
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.u64 = static_cast<uint32_t>(io->wake_);
  if (epoll_ctl(io->epoll_, EPOLL_CTL_ADD, io->wake_, &event) != 0) {
    return ErrnoStatus(errno, "register eventfd");
  }
  return io;
}

EpollIo::~EpollIo() {
  for (int fd : {epoll_, wake_, reserve_}) {
    if (fd >= 0) close(fd);
  }
}

absl::StatusOr<Socket> EpollIo::Listen(const Address& address, IoHandler& handler) {
  ASSIGN_OR_RETURN(const KernelAddress kernel, ToKernel(address));
  const std::string what = absl::StrCat("listen on ", ToString(address));
  const int fd =
      socket(kernel.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) return ErrnoStatus(errno, what);
  SetOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  SetOption(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  SetConnectionOptions(fd, dead_peer_timeout_);  // inherited by what it accepts
  if (bind(fd, kernel.get(), kernel.size) != 0 || listen(fd, kListenBacklog) != 0) {
    const int error = errno;
    close(fd);
    return ErrnoStatus(error, what);
  }
  CountSocket();
  if (!Register({fd}, handler)) return ErrnoStatus(ENOMEM, what);
  return Socket{fd};
}

absl::StatusOr<Address> EpollIo::LocalAddress(Socket socket) {
  KernelAddress kernel;
  kernel.size = sizeof(kernel.storage);
  if (getsockname(socket.number, kernel.get(), &kernel.size) != 0) {
    return ErrnoStatus(errno, "read socket name");
  }
  return FromKernel(kernel);
}

Accepted EpollIo::Accept(Socket listener) {
  if (descriptors_ != nullptr && !descriptors_->has_room_for_client()) {
    return {Accepted::Kind::kFull};
  }
  KernelAddress peer;
  for (;;) {
    peer.size = sizeof(peer.storage);
    const int fd = accept4(listener.number, peer.get(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      CountSocket();
      return {Accepted::Kind::kSocket, {fd}, FromKernel(peer).ip};
    }
    switch (errno) {
      case EAGAIN:
        return {Accepted::Kind::kEmpty};
      case EMFILE:
      case ENFILE:
        return RefuseOne(listener);
      case ENOMEM:
      case ENOBUFS:
      case EBADF:
      case EINVAL:
        return {Accepted::Kind::kRefused};
      default:  // the connection failed before we took it (accept(2)): the next one
        continue;
    }
  }
}

bool EpollIo::StopListening(Socket listener) {
  shutdown(listener.number, SHUT_RD);  // inet_shutdown: it leaves the state LISTEN
  return false;
}

// Closing at once tells the client now; leaving it in the backlog would let it wait for nothing.
Accepted EpollIo::RefuseOne(Socket listener) {
  if (reserve_ >= 0) close(reserve_);
  const int fd = accept4(listener.number, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  const bool is_empty = fd < 0 && errno == EAGAIN;
  if (fd >= 0) close(fd);
  reserve_ = open("/dev/null", O_RDONLY | O_CLOEXEC);
  return {is_empty ? Accepted::Kind::kEmpty : Accepted::Kind::kRefused};
}

bool EpollIo::Register(Socket socket, IoHandler& handler) {
  const auto fd = static_cast<size_t>(socket.number);
  if (fd >= slots_.size()) slots_.resize(fd + 1);
  Slot& slot = slots_[fd];
  SPAWNER_CHECK(slot.handler == nullptr);
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = static_cast<uint64_t>(slot.generation) << 32 | static_cast<uint32_t>(fd);
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, socket.number, &event) != 0) {
    CloseSocket(socket.number);
    return false;
  }
  slot.handler = &handler;
  return true;
}

void EpollIo::SetHandler(Socket socket, IoHandler& handler) {
  Slot& slot = slots_[static_cast<size_t>(socket.number)];
  SPAWNER_CHECK(slot.handler != nullptr);
  slot.handler = &handler;
}

absl::StatusOr<Socket> EpollIo::Connect(const Address& address, IoHandler& handler) {
  ASSIGN_OR_RETURN(const KernelAddress kernel, ToKernel(address));
  const std::string what = absl::StrCat("connect to ", ToString(address));
  if (descriptors_ != nullptr && !descriptors_->has_room()) return ErrnoStatus(EMFILE, what);
  const int fd =
      socket(kernel.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) return ErrnoStatus(errno, what);
  SetConnectionOptions(fd, dead_peer_timeout_);
  if (connect(fd, kernel.get(), kernel.size) != 0 && errno != EINPROGRESS) {
    const int error = errno;
    close(fd);
    return ErrnoStatus(error, what);
  }
  CountSocket();
  if (!Register({fd}, handler)) return ErrnoStatus(ENOMEM, what);
  return Socket{fd};
}

IoResult EpollIo::Read(Socket socket, char* bytes, size_t size) {
  for (;;) {
    const ssize_t count = Receive(socket.number, bytes, size);
    if (count > 0) return {IoResult::Kind::kBytes, static_cast<size_t>(count)};
    if (count == 0) return {IoResult::Kind::kEnd};
    if (errno == EAGAIN) return {IoResult::Kind::kBlocked};
    if (errno != EINTR) return {IoResult::Kind::kFailed, 0, errno};
  }
}

IoResult EpollIo::Write(Socket socket, absl::Span<const iovec> parts) {
  return Send(socket, parts, MSG_NOSIGNAL);
}

// One segment and one wakeup of the peer instead of two.
IoResult EpollIo::WriteLast(Socket socket, absl::Span<const iovec> parts) {
  return Send(socket, parts, MSG_NOSIGNAL | MSG_MORE);
}

IoResult EpollIo::Send(Socket socket, absl::Span<const iovec> parts, int flags) {
  for (;;) {
    // One part, as often: saves the kernel the copies of the header and of the vector.
    const ssize_t count = parts.size() == 1 ? SendOne(socket.number, parts[0], flags)
                                            : SendMany(socket.number, parts, flags);
    if (count >= 0) return {IoResult::Kind::kBytes, static_cast<size_t>(count)};
    if (errno == EAGAIN || errno == ENOTCONN) return {IoResult::Kind::kBlocked};
    if (errno != EINTR) return {IoResult::Kind::kFailed, 0, errno};
  }
}

void EpollIo::ShutdownWrite(Socket socket) { shutdown(socket.number, SHUT_WR); }

void EpollIo::Close(Socket socket) {
  const auto fd = static_cast<size_t>(socket.number);
  if (fd < slots_.size() && slots_[fd].handler != nullptr) {
    slots_[fd].handler = nullptr;
    ++slots_[fd].generation;
  }
  CloseSocket(socket.number);  // also out of the epoll set: we never duplicate descriptors
}

void EpollIo::CloseSocket(int fd) {
  close(fd);
  if (descriptors_ != nullptr) descriptors_->Closed();
}

void EpollIo::CountSocket() {
  if (descriptors_ != nullptr) descriptors_->Opened();
}

void EpollIo::Abort(Socket socket) {
  linger option{1, 0};
  setsockopt(socket.number, SOL_SOCKET, SO_LINGER, &option, sizeof(option));
  Close(socket);
}

bool EpollIo::IsConnected(Socket socket) {
  sockaddr_storage peer;
  socklen_t size = sizeof(peer);
  return getpeername(socket.number, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
}

void EpollIo::Wait(absl::Duration timeout) {
  // Rounded up, so that a timer is due when the wait is over.
  const int64_t milliseconds = std::clamp<int64_t>(
      absl::ToInt64Milliseconds(absl::Ceil(timeout, absl::Milliseconds(1))), 0, INT32_MAX);
  event_count_ = epoll_wait(epoll_, events_, kEventsPerWait, static_cast<int>(milliseconds));
}

void EpollIo::Dispatch() {
  for (int i = 0; i < event_count_; ++i) {
    const epoll_event& event = events_[i];
    const auto fd = static_cast<uint32_t>(event.data.u64);
    if (static_cast<int>(fd) == wake_) {
      uint64_t ignored;
      while (read(wake_, &ignored, sizeof(ignored)) < 0 && errno == EINTR) {
      }
      continue;
    }
    const Slot slot = slots_[fd];
    if (slot.handler == nullptr || slot.generation != event.data.u64 >> 32) continue;
    const uint32_t bits = event.events;
    slot.handler->OnIo({
        .readable = (bits & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0,
        .writable = (bits & EPOLLOUT) != 0,
        .hangup = (bits & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0,
        .failed = (bits & EPOLLERR) != 0,
    });
  }
}

void EpollIo::Wake() {
  const uint64_t value = 1;
  // EAGAIN means that the counter is full, so a wake-up is under way already.
  while (write(wake_, &value, sizeof(value)) < 0 && errno == EINTR) {
  }
}

absl::Status CheckAddressIsFree(const Address& address) {
  ASSIGN_OR_RETURN(const KernelAddress kernel, ToKernel(address));
  const std::string what = absl::StrCat("listen on ", ToString(address));
  const int fd = socket(kernel.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) return ErrnoStatus(errno, what);
  SetOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  const int error = bind(fd, kernel.get(), kernel.size) == 0 ? 0 : errno;
  close(fd);
  return error == 0 ? absl::OkStatus() : ErrnoStatus(error, what);
}

int64_t RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return INT32_MAX;
  const rlimit before = limit;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) limit = before;
  return static_cast<int64_t>(std::min<rlim_t>(limit.rlim_cur, INT32_MAX));
}

}  // namespace spawner::proxy
