#include "controller/local/ip_region.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace spawner::local {

absl::StatusOr<IpRegion> IpRegion::Claim() {
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    return absl::ResourceExhaustedError(
        "start the local runtime: no descriptor for its addresses; raise `ulimit -n`");
  }
  for (uint32_t number = 0; number < kRegions; ++number) {
    const std::string name = absl::StrCat("spawner-local-127.", 64 + number);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    // The first byte stays 0: an abstract name (unix(7)).
    std::memcpy(address.sun_path + 1, name.data(), name.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    if (bind(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0) {
      return IpRegion(number, fd);
    }
    if (errno != EADDRINUSE) break;
  }
  close(fd);
  return absl::ResourceExhaustedError(absl::StrCat(
      "start the local runtime: all ", kRegions,
      " address ranges of 127.64.0.0/10 are in use; stop other controllers in local mode"));
}

IpRegion::IpRegion(IpRegion&& other) noexcept
    : number_(other.number_), fd_(std::exchange(other.fd_, -1)) {}

IpRegion::~IpRegion() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace spawner::local
