#ifndef SPAWNER_PROXY_ROUTE_SESSION_COOKIE_H_
#define SPAWNER_PROXY_ROUTE_SESSION_COOKIE_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proxy/route/authorizer.h"
#include "proxy/route/route.h"

// The cookie that a browser gets for a token. Its value is "TOKEN.UNTIL.MARK": the token, until
// which second it counts, and an HMAC over both with a secret that proxies share, so that it can be
// renewed without the controller for as long as the grant is not revoked (decision 0007). A token
// alone counts too, until the token's own end.
namespace spawner::proxy {

struct CookieParts {
  absl::string_view token;
  absl::string_view until;
  absl::string_view mark;
};

// Nothing if it has not the form; says nothing of its worth.
std::optional<CookieParts> SplitCookie(absl::string_view value);
// Until when it counts; nothing if this secret did not make it.
std::optional<absl::Time> CheckCookie(const CookieParts& parts, absl::string_view secret);
std::string MakeCookie(absl::string_view token, absl::Time until, absl::string_view secret);

// The value of Set-Cookie: its name and attributes are those that browsers accept on this route.
std::string SetCookie(const RequestView& request, const Route& route, absl::string_view value,
                      absl::Duration life);

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_ROUTE_SESSION_COOKIE_H_
