#ifndef SPAWNER_PROXY_ROUTE_CROSS_ORIGIN_H_
#define SPAWNER_PROXY_ROUTE_CROSS_ORIGIN_H_

#include "absl/strings/string_view.h"
#include "proxy/route/authorizer.h"
#include "proxy/route/route.h"

// Pages of other sites: which may call a session (CORS, WebSockets) and which may embed it. Pure.
namespace spawner::proxy {

struct OriginScan {
  absl::string_view origin;             // empty: no browser, or a plain navigation
  absl::string_view preflight_method;   // of a CORS preflight
  absl::string_view preflight_headers;  // what it asks for besides
  bool is_foreign = false;              // of another origin than the session's
  bool is_allowed = false;              // is_foreign, and the route names it

  bool is_preflight() const { return !preflight_method.empty(); }
};
OriginScan ScanOrigin(const RequestView& request, const Route& route);

// A page of another origin must not open a WebSocket or send an unsafe request with the user's
// cookie, which browsers send along whoever asks (SameSite=Lax lets sessions of one domain do so);
// with a token of its own it may, unless the route says who may open WebSockets.
bool RefusesOrigin(const OriginScan& scan, const RequestView& request, const Route& route,
                   bool is_by_cookie);

// 204 with what the page asked for, or 403. The route has allowed_origins, the scan a preflight.
AuthDecision AnswerPreflight(const OriginScan& scan);

// What every answer on this route says to browsers: CORS for an origin that may call, and
// frame-ancestors where embed_origins are set.
void AddResponseFields(const OriginScan& scan, const Route& route, AuthDecision& decision);

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_ROUTE_CROSS_ORIGIN_H_
