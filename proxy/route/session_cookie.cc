#include "proxy/route/session_cookie.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/base64url.h"
#include "base/crypto.h"
#include "base/token.h"
#include "proxy/route/limits.h"
#include "proxy/route/request_token.h"

namespace spawner::proxy {
namespace {

std::string MarkOf(absl::string_view token, absl::string_view until, absl::string_view secret) {
  return Base64UrlEncode(HmacSha256(secret, absl::StrCat("spawner cookie\n", until, "\n", token)));
}

// Browsers take these for secure though they are plain http.
bool IsLoopbackName(absl::string_view host) {
  const absl::string_view name = host.substr(0, host.find(':'));
  return name == "127.0.0.1" || absl::EqualsIgnoreCase(name, "localhost") ||
         absl::EndsWithIgnoreCase(name, ".localhost");
}

}  // namespace

std::optional<CookieParts> SplitCookie(absl::string_view value) {
  constexpr size_t kUntilMax = 12;  // digits
  constexpr size_t kMarkSize = 43;  // 32 bytes in base64url
  if (value.size() > kTokenBytesMax + kUntilMax + kMarkSize + 2) return std::nullopt;
  const size_t second = value.rfind('.');
  if (second == absl::string_view::npos || second == 0) return std::nullopt;
  const size_t first = value.rfind('.', second - 1);
  if (first == absl::string_view::npos) return std::nullopt;
  const CookieParts parts = {.token = value.substr(0, first),
                             .until = value.substr(first + 1, second - first - 1),
                             .mark = value.substr(second + 1)};
  if (parts.mark.size() != kMarkSize || parts.until.empty() || parts.until.size() > kUntilMax) {
    return std::nullopt;
  }
  for (const char c : parts.until) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return std::nullopt;
  }
  if (!HasTokenForm(parts.token)) return std::nullopt;
  return parts;
}

std::optional<absl::Time> CheckCookie(const CookieParts& parts, absl::string_view secret) {
  int64_t seconds = 0;
  if (secret.empty() || !absl::SimpleAtoi(parts.until, &seconds)) return std::nullopt;
  if (!EqualInConstantTime(MarkOf(parts.token, parts.until, secret), parts.mark)) {
    return std::nullopt;
  }
  return absl::FromUnixSeconds(seconds);
}

std::string MakeCookie(absl::string_view token, absl::Time until, absl::string_view secret) {
  const std::string seconds = absl::StrCat(absl::ToUnixSeconds(until));
  return absl::StrCat(token, ".", seconds, ".", MarkOf(token, seconds, secret));
}

std::string SetCookie(const RequestView& request, const Route& route, absl::string_view value,
                      absl::Duration life) {
  const std::string path = request.prefix.empty() ? "/" : absl::StrCat(request.prefix, "/");
  const absl::string_view name = !request.is_tls          ? kCookieName
                                 : request.prefix.empty() ? kHostCookieName
                                                          : kSecureCookieName;
  // In another site's frame only a cookie that says None, Secure and Partitioned comes along, and
  // Secure ones of plain http are dropped: there, Lax at least serves the page on its own.
  const bool is_embeddable =
      !route.embed_origins.empty() && (request.is_tls || IsLoopbackName(request.host));
  const absl::string_view attributes = is_embeddable    ? "; SameSite=None; Secure; Partitioned"
                                       : request.is_tls ? "; SameSite=Lax; Secure"
                                                        : "; SameSite=Lax";
  return absl::StrCat(name, "=", value, "; Path=", path, "; Max-Age=", absl::ToInt64Seconds(life),
                      "; HttpOnly", attributes);
}

}  // namespace spawner::proxy
