#include "base/address.h"

#include <arpa/inet.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace spawner {
namespace {

absl::Status Bad(absl::string_view text, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not an address: ", why,
                                                 "; expected IP:PORT, [IPv6]:PORT or :PORT"));
}

bool IsIp(int family, const std::string& text) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(family, text.c_str(), bytes) == 1;
}

}  // namespace

absl::StatusOr<Address> ParseAddress(absl::string_view text, bool allow_port_zero) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return Bad(text, "no port");
  Address address;
  const std::string host(text.substr(0, colon));
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (host.empty()) {
    address.ip = "0.0.0.0";
  } else if (bracketed && IsIp(AF_INET6, host.substr(1, host.size() - 2))) {
    address.ip = host.substr(1, host.size() - 2);
  } else if (IsIp(AF_INET, host)) {
    address.ip = host;
  } else {
    return Bad(text, "the part before the port is not a numeric IP");
  }
  const absl::string_view digits = text.substr(colon + 1);
  int port = -1;
  const bool numeric =
      !digits.empty() && digits.find_first_not_of("0123456789") == absl::string_view::npos;
  if (!numeric || !absl::SimpleAtoi(digits, &port) || port > 65535) {
    return Bad(text, "the port is not a number in 1..65535");
  }
  if (port == 0 && !allow_port_zero) return Bad(text, "port 0 is not allowed here (1..65535)");
  address.port = static_cast<uint16_t>(port);
  return address;
}

std::string ToString(const Address& address) {
  const bool is_v6 = address.ip.find(':') != std::string::npos;
  return is_v6 ? absl::StrCat("[", address.ip, "]:", address.port)
               : absl::StrCat(address.ip, ":", address.port);
}

}  // namespace spawner
