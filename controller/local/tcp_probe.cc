#include "controller/local/tcp_probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "controller/local/limits.h"

namespace spawner::local {
namespace {

sockaddr_in SocketAddress(in_addr ip, uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr = ip;
  return address;
}

}  // namespace

TcpProbe::TcpProbe(Address address, Instant now)
    : address_(std::move(address)), next_try_(now + kProbeDelayMin), delay_(kProbeDelayMin) {}

TcpProbe::~TcpProbe() { Close(); }

bool TcpProbe::Try(Instant now) {
  if (now < next_try_) return false;
  if (fd_ < 0) {
    began_ = now;
    if (!BeginConnect()) {
      BackOff(now);
      return false;
    }
  }
  // A connection within this machine is there, or refused, by the time connect() returns.
  pollfd state{.fd = fd_, .events = POLLOUT, .revents = 0};
  if (poll(&state, 1, 0) <= 0) {
    next_try_ = now + kProbeDelayMin;
    if (now - began_ < kProbeTimeout) return false;
  } else if (HasConnected()) {
    Close();
    return true;
  }
  BackOff(now);
  return false;
}

bool TcpProbe::BeginConnect() {
  in_addr ip{};
  if (inet_pton(AF_INET, address_.ip.c_str(), &ip) != 1) return false;
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return false;
  // From an address that is no pod's: from the pod's own, a socket could connect to itself.
  in_addr loopback{};
  loopback.s_addr = htonl(INADDR_LOOPBACK);
  const sockaddr_in from = SocketAddress(loopback, 0);
  const sockaddr_in to = SocketAddress(ip, address_.port);
  if (bind(fd_, reinterpret_cast<const sockaddr*>(&from), sizeof(from)) < 0) return false;
  return connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0 ||
         errno == EINPROGRESS;
}

bool TcpProbe::HasConnected() {
  int error = 0;
  socklen_t size = sizeof(error);
  return getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

void TcpProbe::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

void TcpProbe::BackOff(Instant now) {
  Close();
  delay_ = std::min(delay_ * 2, kProbeDelayMax);
  next_try_ = now + delay_;
}

}  // namespace spawner::local
