#ifndef SPAWNER_BASE_ADDRESS_H_
#define SPAWNER_BASE_ADDRESS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace spawner {

// A numeric IP address and a port: what a socket is bound to or connected to.
struct Address {
  std::string ip;  // "127.0.0.1" or "::1"
  uint16_t port = 0;

  bool operator==(const Address&) const = default;
};

// "127.0.0.1:8080", "[::1]:8080", ":8080" (all IPv4 addresses). Port 0 (any free port) only where
// `allow_port_zero`. INVALID_ARGUMENT says what is allowed.
absl::StatusOr<Address> ParseAddress(absl::string_view text, bool allow_port_zero);

// As ParseAddress reads it.
std::string ToString(const Address& address);

}  // namespace spawner

#endif  // SPAWNER_BASE_ADDRESS_H_
