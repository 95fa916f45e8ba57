#ifndef SPAWNER_BASE_IP_RANGES_H_
#define SPAWNER_BASE_IP_RANGES_H_

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace spawner {

// The 16 bytes of an address; IPv4 as RFC 4291 2.5.5.2 maps it, so that "::ffff:10.0.0.1" and
// "10.0.0.1" are the same.
using IpBytes = std::array<uint8_t, 16>;

// Nothing if `ip` is no numeric address.
std::optional<IpBytes> ParseIp(absl::string_view ip);

// A set of address ranges, as --trusted-proxies has it. A value; few ranges: searched in order.
class IpRanges {
 public:
  // "10.0.0.0/8,2001:db8::/32,192.0.2.7". INVALID_ARGUMENT names the range that is wrong, also if
  // bits after the prefix are set: it would be unclear what is meant.
  static absl::StatusOr<IpRanges> Parse(absl::string_view text);

  bool Contains(absl::string_view ip) const;
  bool empty() const { return ranges_.empty(); }

 private:
  struct Range {
    IpBytes first;
    int prefix_bits = 0;  // of 128
  };
  std::vector<Range> ranges_;
};

}  // namespace spawner

#endif  // SPAWNER_BASE_IP_RANGES_H_
