#include "proxy/io/sockaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace spawner::proxy {

absl::StatusOr<KernelAddress> ToKernel(const Address& address) {
  KernelAddress kernel;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&kernel.storage);
  if (inet_pton(AF_INET, address.ip.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(address.port);
    kernel.size = sizeof(sockaddr_in);
    return kernel;
  }
  kernel.storage = {};
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&kernel.storage);
  if (inet_pton(AF_INET6, address.ip.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(address.port);
    kernel.size = sizeof(sockaddr_in6);
    return kernel;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("address \"", address.ip, "\": not a numeric IP address"));
}

namespace {

// inet_ntop goes through printf: 1 % of a short connection.
std::string V4Text(const uint8_t* bytes) {
  return absl::StrCat(bytes[0], ".", bytes[1], ".", bytes[2], ".", bytes[3]);
}

}  // namespace

Address FromKernel(const KernelAddress& address) {
  Address result;
  if (address.storage.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address.storage);
    result.ip = V4Text(reinterpret_cast<const uint8_t*>(&v4->sin_addr));
    result.port = ntohs(v4->sin_port);
  } else if (address.storage.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address.storage);
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
      result.ip = V4Text(v6->sin6_addr.s6_addr + 12);
    } else {
      char text[INET6_ADDRSTRLEN] = "";
      inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
      result.ip = text;
    }
    result.port = ntohs(v6->sin6_port);
  }
  return result;
}

}  // namespace spawner::proxy
