#include "base/ip_ranges.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace spawner {
namespace {

constexpr int kMappedPrefixBits = 96;
constexpr size_t kRangesMax = 256;

// The first `bits` bits of `address`, zeros behind.
IpBytes Masked(const IpBytes& address, int bits) {
  IpBytes masked = address;
  for (int i = 0; i < 16; ++i) {
    const int kept = std::clamp(bits - 8 * i, 0, 8);
    masked[static_cast<size_t>(i)] &= static_cast<uint8_t>(0xff00 >> kept);
  }
  return masked;
}

absl::Status Bad(absl::string_view range, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", range, "\" is not a range of addresses: ", why,
                   "; expected such as 10.0.0.0/8, 2001:db8::/32 or 192.0.2.7"));
}

}  // namespace

std::optional<IpBytes> ParseIp(absl::string_view ip) {
  IpBytes bytes{};
  const std::string text(ip);
  if (text.size() != std::strlen(text.c_str())) return std::nullopt;
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return bytes;
  if (inet_pton(AF_INET, text.c_str(), bytes.data() + 12) != 1) return std::nullopt;
  bytes[10] = bytes[11] = 0xff;
  return bytes;
}

absl::StatusOr<IpRanges> IpRanges::Parse(absl::string_view text) {
  IpRanges ranges;
  for (absl::string_view part : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
    part = absl::StripAsciiWhitespace(part);
    const size_t slash = part.find('/');
    const absl::string_view ip = part.substr(0, slash);
    const std::optional<IpBytes> first = ParseIp(ip);
    if (!first) return Bad(part, "its address is not a numeric IP");
    const bool is_v4 = ip.find(':') == absl::string_view::npos;
    const int bits_max = is_v4 ? 32 : 128;
    int bits = bits_max;
    if (slash != absl::string_view::npos &&
        (!absl::SimpleAtoi(part.substr(slash + 1), &bits) || bits < 0 || bits > bits_max)) {
      return Bad(part, absl::StrCat("its prefix is not a number in 0..", bits_max));
    }
    if (is_v4) bits += kMappedPrefixBits;
    if (Masked(*first, bits) != *first) return Bad(part, "bits behind its prefix are set");
    if (ranges.ranges_.size() == kRangesMax) return Bad(part, "there are more than 256 ranges");
    ranges.ranges_.push_back({*first, bits});
  }
  return ranges;
}

bool IpRanges::Contains(absl::string_view ip) const {
  if (ranges_.empty()) return false;
  const std::optional<IpBytes> address = ParseIp(ip);
  if (!address) return false;
  return std::any_of(ranges_.begin(), ranges_.end(), [&address](const Range& range) {
    return Masked(*address, range.prefix_bits) == range.first;
  });
}

}  // namespace spawner
