#ifndef SPAWNER_PROXY_FORWARD_ANSWERS_H_
#define SPAWNER_PROXY_FORWARD_ANSWERS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proxy/forward/session.h"
#include "proxy/http/answer.h"
#include "proxy/http/head.h"
#include "proxy/route/authorizer.h"
#include "proxy/route/route.h"

// The proxy's own answers (api.md, "Answers of our own"): what happened, and what to do next.
// Views in an Answer's fields live as long as the arguments.
namespace spawner::proxy {

// RFC 6797 6.1: on https responses only.
inline constexpr absl::string_view kHsts = "Strict-Transport-Security";

Answer NoSessionInUrl();                          // 404
Answer SessionUnknown();                          // 404
Answer ControllerUnreachable();                   // 503
Answer SessionEnded(const Route& route);          // 410
Answer TooManyWaiting();                          // 503
Answer HeldTooLong(const Session& session);       // 504
Answer BackendBroke(absl::string_view why);       // 502
Answer BackendSilent(absl::Duration timeout);     // 504
Answer BackendTakesNothing(absl::Duration idle);  // 504
Answer BodyTooSlow(absl::Duration idle);          // 408
Answer OutOfDescriptors();                        // 503
Answer OutOfMemory();                             // 503
Answer TooManyFromAddress();                      // 429
Answer SessionRestarted();                        // 503
Answer MalformedBody();                           // 400
Answer HttpsRequired();                           // 426
Answer MovedToHttps(absl::string_view location);  // 308
Answer Leaving();                                 // 503
Answer OverCap();                                 // 429
Answer AccessWithdrawn();                         // 401
Answer TokenNotChecked();                         // 503
Answer NotAllowed(const AuthDecision& decision);  // 204, 302, 401, 403, 429

// A handshake that succeeds and a close frame with `close_code` behind it (RFC 6455 4.2.2, 7.4).
// Nothing if the request has no key of the right form.
std::optional<std::string> WebSocketRefusal(const RequestHead& request, uint16_t close_code);

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_ANSWERS_H_
