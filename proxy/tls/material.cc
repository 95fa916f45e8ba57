#include "proxy/tls/material.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/crypto.h"
#include "proxy/tls/limits.h"

namespace spawner::proxy {
TicketKey TicketKeyFromSecret(absl::string_view secret) {
  return {.name = HmacSha256(secret, "spawner ticket name").substr(0, 16),
          .cipher = HmacSha256(secret, "spawner ticket cipher"),
          .mac = HmacSha256(secret, "spawner ticket mac")};
}

absl::StatusOr<std::vector<TicketKey>> ParseTicketKeys(absl::string_view text) {
  std::vector<TicketKey> keys;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line.front() == '#') continue;
    std::string secret;
    if (!absl::Base64Unescape(line, &secret) || secret.size() < kTicketSecretBytesMin) {
      return absl::InvalidArgumentError(absl::StrCat(
          "line ", number,
          " is not base64 of 32 bytes or more, as `openssl rand -base64 48` makes it"));
    }
    if (keys.size() == kTicketKeysMax) {
      return absl::InvalidArgumentError(
          absl::StrCat("it has more than ", kTicketKeysMax, " keys; take the oldest out"));
    }
    keys.push_back(TicketKeyFromSecret(secret));
  }
  if (keys.empty()) {
    return absl::InvalidArgumentError(
        "it has no key; write one line made by `openssl rand -base64 48`");
  }
  return keys;
}

}  // namespace spawner::proxy
