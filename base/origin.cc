#include "base/origin.h"

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

namespace spawner {
namespace {

struct Parts {
  bool is_https = false;
  absl::string_view host;  // "[::1]" with its brackets
  uint32_t port = 0;
};

bool IsHostText(absl::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '.') return false;
  }
  return !text.empty() && text.front() != '.' && !absl::StrContains(text, "..");
}

bool IsIpv6Text(absl::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c)) && c != ':' && c != '.') return false;
  }
  return !text.empty();
}

// "host", "host:port", "[::1]:port".
std::optional<Parts> ParseHost(absl::string_view text, bool is_https, bool allow_star) {
  Parts parts{.is_https = is_https, .port = is_https ? 443u : 80u};
  size_t end = text.find(':');
  if (absl::StartsWith(text, "[")) {
    end = text.find(']');
    if (end == absl::string_view::npos || !IsIpv6Text(text.substr(1, end - 1))) return std::nullopt;
    ++end;
  }
  parts.host = text.substr(0, end);
  const absl::string_view port = end >= text.size() ? absl::string_view() : text.substr(end);
  if (!port.empty()) {
    const bool is_number = port.front() == ':' && port.size() > 1 && port.size() <= 6 &&
                           absl::ascii_isdigit(static_cast<unsigned char>(port[1]));
    if (!is_number || !absl::SimpleAtoi(port.substr(1), &parts.port)) return std::nullopt;
    if (parts.port == 0 || parts.port > 65535) return std::nullopt;
  }
  if (absl::StartsWith(text, "[")) return parts;
  absl::string_view name = parts.host;
  if (allow_star) absl::ConsumePrefix(&name, "*.");
  if (!IsHostText(name)) return std::nullopt;
  return parts;
}

std::optional<Parts> ParseOrigin(absl::string_view text, bool allow_star) {
  constexpr absl::string_view kHttp = "http://";
  constexpr absl::string_view kHttps = "https://";
  if (absl::StartsWithIgnoreCase(text, kHttps)) {
    return ParseHost(text.substr(kHttps.size()), true, allow_star);
  }
  if (absl::StartsWithIgnoreCase(text, kHttp)) {
    return ParseHost(text.substr(kHttp.size()), false, allow_star);
  }
  return std::nullopt;
}

}  // namespace

absl::Status CheckOriginPattern(absl::string_view pattern) {
  constexpr size_t kOriginBytesMax = 300;  // a host name has at most 253
  if (pattern.size() > kOriginBytesMax) return absl::InvalidArgumentError("is too long");
  if (pattern == "*") {
    return absl::InvalidArgumentError("\"*\" would let every site act as the user; name origins");
  }
  const std::optional<Parts> parts = ParseOrigin(pattern, /*allow_star=*/true);
  if (!parts.has_value()) {
    return absl::InvalidArgumentError(
        "is no origin: \"https://app.example.com\", \"http://localhost:3000\" or "
        "\"https://*.example.com\", without a path");
  }
  // "https://*.com" is every site there.
  if (absl::StartsWith(parts->host, "*.") && !absl::StrContains(parts->host.substr(2), ".")) {
    return absl::InvalidArgumentError("needs a domain of two labels or more behind \"*.\"");
  }
  return absl::OkStatus();
}

bool OriginMatches(absl::string_view origin, absl::string_view pattern) {
  const std::optional<Parts> is = ParseOrigin(origin, /*allow_star=*/false);
  const std::optional<Parts> wanted = ParseOrigin(pattern, /*allow_star=*/true);
  if (!is.has_value() || !wanted.has_value()) return false;
  if (is->is_https != wanted->is_https || is->port != wanted->port) return false;
  if (!absl::StartsWith(wanted->host, "*.")) return absl::EqualsIgnoreCase(is->host, wanted->host);
  const absl::string_view domain = wanted->host.substr(1);  // ".example.com"
  return is->host.size() > domain.size() && absl::EndsWithIgnoreCase(is->host, domain);
}

bool IsOriginOfHost(absl::string_view origin, absl::string_view host, bool is_https) {
  const std::optional<Parts> is = ParseOrigin(origin, /*allow_star=*/false);
  if (!is.has_value() || (is_https && !is->is_https)) return false;
  const std::optional<Parts> own = ParseHost(host, is->is_https, /*allow_star=*/false);
  return own.has_value() && own->port == is->port && absl::EqualsIgnoreCase(own->host, is->host);
}

}  // namespace spawner
