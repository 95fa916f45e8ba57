#include "proxy/forward/answers.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace spawner::proxy {
namespace {

Answer Unavailable(absl::string_view reason, absl::string_view message) {
  return {.status = 503,
          .reason = std::string(reason),
          .message = std::string(message),
          .fields = {{"Retry-After", "1"}}};
}

std::string Sentence(absl::string_view text) {
  std::string sentence(text);
  if (!sentence.empty() && sentence.back() != '.') sentence.push_back('.');
  return sentence;
}

}  // namespace

Answer NoSessionInUrl() {
  return {.status = 404,
          .reason = "NO_SESSION_IN_URL",
          .message =
              "Neither the host nor the path names a session. Use the URL as the application "
              "gave it to you."};
}

Answer SessionUnknown() {
  return {.status = 404,
          .reason = "SESSION_NOT_FOUND",
          .message =
              "There is no such session. It may have ended long ago: open it again from the "
              "application."};
}

Answer ControllerUnreachable() {
  return Unavailable("CONTROLLER_UNREACHABLE",
                     "This session is not running here and the controller can't be asked now. "
                     "Try again in a second.");
}

Answer SessionEnded(const Route& route) {
  const std::string why =
      route.message.empty()
          ? absl::StrCat("The session has ended (", absl::AsciiStrToLower(route.reason), ").")
          : Sentence(route.message);
  return {.status = 410,
          .reason = "SESSION_ENDED",
          .message = absl::StrCat(why, " Open it again from the application."),
          .fields = {{"Spawner-Reason", route.reason}}};
}

Answer OutOfDescriptors() {
  return Unavailable(
      "PROXY_EXHAUSTED",
      "This proxy has no file descriptor left for another connection. Try again in a "
      "second; if it lasts, raise its limit of open files.");
}

Answer SessionRestarted() {
  return Unavailable("SESSION_RESTARTED",
                     "The session was started anew while it dealt with this request. Send it again "
                     "if it may be done twice.");
}

Answer TooManyWaiting() {
  return Unavailable("TOO_MANY_WAITING",
                     "Too many requests are waiting for this session. Try again in a second.");
}

Answer HeldTooLong(const Session& session) {
  const std::string phase =
      session.is_routed() && !session.route().phase.empty()
          ? absl::StrCat(" (it is ", absl::AsciiStrToLower(session.route().phase), ")")
          : "";
  return {.status = 504,
          .reason = "START_TIMEOUT",
          .message = absl::StrCat("The session did not become ready in time", phase,
                                  ". Try again, or look at `spawnctl why`.")};
}

Answer BackendBroke(absl::string_view why) {
  return {.status = 502,
          .reason = "BACKEND_BROKE",
          .message = absl::StrCat("The session could not answer: ", why,
                                  ". Try again; its logs say more: `spawnctl logs`.")};
}

Answer BackendSilent() {
  return {.status = 504,
          .reason = "BACKEND_SILENT",
          .message =
              "The session did not take a connection within 5 s. Try again; its logs say "
              "more: `spawnctl logs`."};
}

Answer MalformedBody() {
  return {.status = 400,
          .reason = "MALFORMED_REQUEST",
          .message =
              "The request was refused: its chunked body is invalid (RFC 9112 7.1). Send it "
              "again in that form."};
}

Answer HttpsRequired() {
  return {.status = 426,
          .reason = "HTTPS_REQUIRED",
          .message = "This proxy is used with TLS only. Connect with https:// or wss://.",
          .fields = {{"Upgrade", "TLS/1.2"}}};
}

Answer MovedToHttps(absl::string_view location) {
  return {.status = 308,
          .reason = "HTTPS_REQUIRED",
          .message = "This proxy is used with TLS only. Follow Location.",
          .fields = {{"Location", location}}};
}

Answer Leaving() {
  return Unavailable("PROXY_LEAVING",
                     "This proxy is shutting down. Try again: another one answers.");
}

Answer NotAllowed(const AuthDecision& decision) {
  switch (decision.action) {
    case AuthAction::kRedirect:
      return {.status = 302,
              .reason = "TOKEN_ACCEPTED",
              .message = "Go on without the token in the URL.",
              .fields = {{"Location", decision.location}, {"Set-Cookie", decision.set_cookie}}};
    case AuthAction::kUnauthorized:
      return {.status = 401,
              .reason = decision.reason,
              .message = absl::StrCat(Sentence(decision.message),
                                      " Open the session again from the application."),
              .fields = {{"WWW-Authenticate", "Bearer realm=\"spawner\""}}};
    case AuthAction::kForbidden:
      return {.status = 403,
              .reason = decision.reason,
              .message =
                  absl::StrCat(Sentence(decision.message), " Use the URL that was given to you.")};
    case AuthAction::kAllow:
      break;
  }
  SPAWNER_CHECK(false);
  return {};
}

}  // namespace spawner::proxy
