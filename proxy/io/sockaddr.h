#ifndef SPAWNER_PROXY_IO_SOCKADDR_H_
#define SPAWNER_PROXY_IO_SOCKADDR_H_

#include <sys/socket.h>

#include <string>

#include "absl/status/statusor.h"
#include "base/address.h"

namespace spawner::proxy {

struct KernelAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

// INVALID_ARGUMENT if the ip is not numeric.
absl::StatusOr<KernelAddress> ToKernel(const Address& address);
// IPv4 addresses mapped into IPv6 come out as IPv4.
Address FromKernel(const KernelAddress& address);

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_IO_SOCKADDR_H_
