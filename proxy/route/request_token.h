#ifndef SPAWNER_PROXY_ROUTE_REQUEST_TOKEN_H_
#define SPAWNER_PROXY_ROUTE_REQUEST_TOKEN_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proxy/route/authorizer.h"

// Where a request may carry a grant's token, and the request without it. Pure scanning of outside
// bytes: nothing is verified here. Views point into what was given.
namespace spawner::proxy {

// "?spawner_token=...".
struct QueryScan {
  std::optional<std::string> token;  // the first one, percent-decoded
  // Without any such parameter, byte for byte; unset if there was none.
  std::optional<std::string> target;
};
QueryScan ScanQuery(absl::string_view target);

// Cookies named spawner, __Host-spawner and __Secure-spawner.
struct CookieScan {
  // At most kCandidatesMax. Over TLS only the prefixed names, which no plain page can have set.
  std::vector<absl::string_view> tokens;
  // All Cookie headers in one, without ours; unset if there was none of ours.
  std::optional<std::string> cookie;
};
CookieScan ScanCookies(absl::Span<const HeaderView> headers, bool is_tls);

// "Authorization: Bearer ...". Empty: none.
absl::string_view ScanBearer(absl::Span<const HeaderView> headers);

// "Sec-WebSocket-Protocol: spawner, TOKEN, chat".
struct ProtocolScan {
  bool has_spawner = false;
  // What has a token's form, at most kCandidatesMax. None without `spawner`.
  std::vector<absl::string_view> tokens;
  // What remains to be offered to the backend. Set if has_spawner.
  std::optional<std::string> protocols;
};
ProtocolScan ScanProtocols(absl::Span<const HeaderView> headers);

// A page load that a redirect can send to the URL without the token: not fetch(), not a WebSocket.
bool IsNavigation(const RequestView& request);

// Three parts of base64url (RFC 7515 7.1), long enough for a signature. Says nothing of its worth.
bool HasTokenForm(absl::string_view text);

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_ROUTE_REQUEST_TOKEN_H_
