#ifndef SPAWNER_BASE_ORIGIN_H_
#define SPAWNER_BASE_ORIGIN_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

// Web origins (RFC 6454) as applications list them: "https://app.example.com",
// "http://localhost:3000", or "https://*.example.com" for every host below one domain.
namespace spawner {

// INVALID_ARGUMENT, saying why, unless `pattern` is of one of these forms. A path, a user, "null",
// "*" alone and anything that could end a header or a Content-Security-Policy source are none.
absl::Status CheckOriginPattern(absl::string_view pattern);

// `origin` is the value of an Origin header. Default ports are the same as none; any case.
bool OriginMatches(absl::string_view origin, absl::string_view pattern);

// `origin` is where a page of `host` (a Host header) comes from. http is not the origin of a page
// that the client got over https; https may be that of one that came to us over plain http, since
// a load balancer may have ended TLS.
bool IsOriginOfHost(absl::string_view origin, absl::string_view host, bool is_https);

}  // namespace spawner

#endif  // SPAWNER_BASE_ORIGIN_H_
