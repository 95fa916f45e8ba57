#include "tests/bench/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tests/bench/limits.h"

namespace spawner::bench {
namespace {

sockaddr_in SocketAddress(uint32_t ip, uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(ip);
  return address;
}

Fd NewSocket() {
  Fd socket_fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(socket_fd.get(), IPPROTO_TCP, TCP_NODELAY, &on,
             sizeof(on));  // accepted ones inherit it
  return socket_fd;
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    Close();
    number_ = std::exchange(other.number_, -1);
  }
  return *this;
}

void Fd::Close() {
  if (number_ >= 0) close(std::exchange(number_, -1));
}

absl::Status ErrnoStatus(int error, absl::string_view what) {
  const char* const why = strerrordesc_np(error);
  return absl::UnavailableError(absl::StrCat(what, ": ", why != nullptr ? why : "unknown error"));
}

absl::StatusOr<Fd> ListenOnLoopback(uint16_t port) {
  Fd listener = NewSocket();
  const int on = 1;
  const char kInterface[] = "lo";
  const sockaddr_in address = SocketAddress(INADDR_ANY, port);
  if (!listener.is_open() ||
      setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      setsockopt(listener.get(), SOL_SOCKET, SO_BINDTODEVICE, kInterface, sizeof(kInterface)) !=
          0 ||
      bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(listener.get(), kListenBacklog) != 0) {
    return ErrnoStatus(errno, absl::StrCat("listen on port ", port, " of loopback"));
  }
  return listener;
}

uint16_t PortOf(const Fd& listener) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

Fd Accept(const Fd& listener) {
  return Fd(accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

Fd Dial(uint16_t port) {
  Fd socket_fd = NewSocket();
  const sockaddr_in address = SocketAddress(INADDR_LOOPBACK, port);
  if (connect(socket_fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 &&
      errno != EINPROGRESS) {
    const int error = errno;
    socket_fd.Close();
    errno = error;
  }
  return socket_fd;
}

int ConnectError(const Fd& socket) {
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

void PrepareProcess() {
  signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_TIMERSLACK, 1);
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace spawner::bench
