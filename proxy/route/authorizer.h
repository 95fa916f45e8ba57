#ifndef SPAWNER_PROXY_ROUTE_AUTHORIZER_H_
#define SPAWNER_PROXY_ROUTE_AUTHORIZER_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "proxy/route/revocation.h"
#include "proxy/route/route.h"
#include "proxy/route/token_use.h"

namespace spawner::proxy {

struct HeaderView {
  absl::string_view name;  // any case
  absl::string_view value;
};

// The head of a request, as the client sent it.
struct RequestView {
  absl::string_view method;
  absl::string_view target;  // origin form: "/s/k7x2/page?x=1"
  absl::string_view prefix;  // in path form "/s/k7x2", without the last slash; else empty
  absl::string_view host;    // as sent, with its port
  absl::string_view client_ip;
  absl::Span<const HeaderView> headers;
  bool is_upgrade = false;  // a WebSocket handshake
  bool is_tls = false;      // as the client sees it
  // What the leader said of a one-time token that came with it.
  uint64_t asked_grant = 0;  // GrantMark::id; 0: nobody was asked
  bool is_first_use = false;
};

enum class AuthAction {
  kAllow,
  kRedirect,      // 302 to `location` with `set_cookie`, Cache-Control: no-store
  kPreflight,     // 204 with response_fields: a CORS preflight, which the backend never sees
  kUnauthorized,  // 401: no token, expired, revoked, malformed or of an unknown key
  kForbidden,     // 403: a good token of another session, or a page of another origin
  kUseToken,      // a one-time token: ask the leader for `use`, then Check again
  kTooMany,       // 429: bad tokens from this address used up what may be spent on them
};

struct AuthDecision {
  AuthAction action = AuthAction::kAllow;

  // kAllow: what the backend sees differs in this. Unset: as the client sent it.
  std::optional<std::string> target;               // in the client's form, the prefix included
  std::optional<std::string> cookie;               // replaces all Cookie headers; empty: none
  std::optional<std::string> websocket_protocols;  // replaces Sec-WebSocket-Protocol; empty: none
  bool strip_authorization = false;
  // Headers to add after everything IsReservedHeader() names was taken out. Spawner-Session,
  // Spawner-Epoch and X-Verified-Backend are proxy/forward's: they need no grant.
  std::vector<std::pair<std::string, std::string>> add_headers;
  // The 101 names subprotocol "spawner" if the backend's names none (RFC 6455 4.1: a client that
  // offered some fails without).
  bool select_spawner_protocol = false;

  std::string location;    // kRedirect
  std::string set_cookie;  // kRedirect: the value of Set-Cookie

  // Of every answer, the backend's or ours: fields to add, Set-Cookie of a renewal among them.
  std::vector<std::pair<std::string, std::string>> response_fields;
  // What the backend says in Access-Control-Allow-Origin and -Credentials is taken out.
  bool owns_cors = false;
  // Whose request it is, for revocations. None: no token, or none that counted.
  GrantMark grant;
  std::optional<TokenUse> use;  // kUseToken; of `grant`

  // kUnauthorized and kForbidden: ErrorInfo reason of api.md and a sentence; neither is secret.
  std::string reason;   // "TOKEN_INVALID", "TOKEN_EXPIRED"
  std::string message;  // "the token is for another session"
};

// Decides whether a request may reach a session's backend.
// Thread: one worker's; each worker has its own. Owner: its Worker.
class Authorizer {
 public:
  virtual ~Authorizer() = default;
  // Keys and the controller's time; before the first call nothing that needs a token is allowed.
  virtual void Update(const LinkState& state) = 0;
  // Also for routes that need no token: their requests get add_headers as well.
  virtual AuthDecision Check(const RequestView& request, const Route& route, Instant now) = 0;
};

// Headers that only this proxy sets: taken out of every request that a client sends. Any case.
bool IsReservedHeader(absl::string_view name);

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_ROUTE_AUTHORIZER_H_
