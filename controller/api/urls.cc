#include "controller/api/urls.h"

#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace spawner::api {
namespace {

constexpr char kPublicUrlAllowed[] =
    "--public-url: allowed is http://HOST[:PORT] or https://HOST[:PORT], without a path";

// A DNS name of at least one label.
bool IsDomain(absl::string_view text) {
  if (text.size() > 189) return false;  // 253 less a session's label and its dot
  for (const absl::string_view label : absl::StrSplit(text, '.')) {
    if (!IsDnsLabel(label)) return false;
  }
  return true;
}

// "HOST" or "HOST:PORT", HOST a name, an IPv4 address or an IPv6 address in brackets.
bool IsAuthority(absl::string_view text, absl::string_view& port) {
  const size_t bracket = text.rfind(']');
  const size_t colon = text.rfind(':');
  absl::string_view host = text;
  port = {};
  if (colon != absl::string_view::npos && (bracket == absl::string_view::npos || colon > bracket)) {
    host = text.substr(0, colon);
    port = text.substr(colon);
    int number = 0;
    if (!absl::SimpleAtoi(port.substr(1), &number) || number < 1 || number > 65535) return false;
  }
  if (absl::ConsumePrefix(&host, "[")) {
    return absl::ConsumeSuffix(&host, "]") && !host.empty() &&
           host.find_first_not_of("0123456789abcdefABCDEF:.") == absl::string_view::npos;
  }
  return IsDomain(host);
}

}  // namespace

absl::StatusOr<SessionUrls> SessionUrls::Make(absl::string_view public_url,
                                              absl::string_view base_domain) {
  std::string scheme = "https://";
  absl::string_view authority = public_url;
  absl::string_view port;
  if (!public_url.empty()) {
    if (absl::ConsumePrefix(&authority, "http://")) {
      scheme = "http://";
    } else if (!absl::ConsumePrefix(&authority, "https://")) {
      return absl::InvalidArgumentError(kPublicUrlAllowed);
    }
    absl::ConsumeSuffix(&authority, "/");
    if (!IsAuthority(authority, port)) return absl::InvalidArgumentError(kPublicUrlAllowed);
  }
  if (base_domain.empty()) {
    if (public_url.empty()) {
      return absl::InvalidArgumentError("one of --public-url and --base-domain is needed");
    }
    return SessionUrls(absl::StrCat(scheme, authority, "/s/"), "/");
  }
  if (!IsDomain(base_domain)) {
    return absl::InvalidArgumentError(
        "--base-domain: allowed is a DNS name in lower case, such as apps.example.com");
  }
  return SessionUrls(scheme, absl::StrCat(".", base_domain, port, "/"));
}

std::string SessionUrls::UrlOf(const SessionId& id) const {
  return absl::StrCat(before_id_, id.value, after_id_);
}

std::string SessionUrls::UrlOf(const SessionId& id, absl::string_view token) const {
  if (token.empty()) return UrlOf(id);
  return absl::StrCat(UrlOf(id), "?spawner_token=", token);
}

}  // namespace spawner::api
