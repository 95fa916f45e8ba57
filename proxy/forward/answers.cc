#include "proxy/forward/answers.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/check.h"
#include "base/crypto.h"
#include "proxy/http/field.h"
#include "proxy/http/rewrite.h"

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

bool NeverStarted(const Route& route) {
  return route.reason == "START_TIMEOUT" || route.reason == "IMAGE_PULL_FAILED" ||
         route.reason == "UNSCHEDULABLE";
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

Answer TokenNotChecked() {
  return Unavailable("TOKEN_NOT_CHECKED",
                     "The link is good for one use, and the controller can't be asked now whether "
                     "it was used before. Try again in a second, or open the session again from "
                     "the application.");
}

Answer SessionEnded(const Route& route) {
  const std::string why =
      route.message.empty()
          ? absl::StrCat("The session has ended (", absl::AsciiStrToLower(route.reason), ").")
          : Sentence(route.message);
  return {.status = 410,
          .reason = "SESSION_ENDED",
          .message = absl::StrCat(why, " Open it again from the application."),
          .heading = NeverStarted(route) ? "The session could not start" : "",
          .fields = {{"Spawner-Reason", route.reason}}};
}

Answer OutOfDescriptors() {
  return Unavailable(
      "PROXY_EXHAUSTED",
      "This proxy has no file descriptor left for another connection. Try again in a "
      "second; if it lasts, raise its limit of open files.");
}

Answer OutOfMemory() {
  return Unavailable("PROXY_EXHAUSTED",
                     "This proxy holds as much memory for connections as it may. Try again in a "
                     "second; if it lasts, look for slow clients or raise --worker-memory-mib.");
}

Answer TooManyFromAddress() {
  return {.status = 429,
          .reason = "TOO_MANY_CONNECTIONS",
          .message =
              "Your address has as many connections to this proxy as it may have. Close "
              "some, or try again later.",
          .fields = {{"Retry-After", "5"}}};
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

Answer BackendSilent(absl::Duration timeout) {
  return {.status = 504,
          .reason = "BACKEND_SILENT",
          .message = absl::StrCat("The session did not take a connection within ",
                                  absl::FormatDuration(timeout),
                                  ". Try again; its logs say more: `spawnctl logs`.")};
}

Answer BackendTakesNothing(absl::Duration idle) {
  return {
      .status = 504,
      .reason = "BACKEND_SILENT",
      .message = absl::StrCat("The session took nothing of the request's body for ",
                              absl::FormatDuration(idle), ". Its logs say more: `spawnctl logs`.")};
}

Answer BodyTooSlow(absl::Duration idle) {
  return {.status = 408,
          .reason = "BODY_TIMEOUT",
          .message = absl::StrCat("Nothing of the request's body came for ",
                                  absl::FormatDuration(idle), ". Send it again.")};
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

Answer OverCap() {
  return {.status = 429,
          .reason = "TOO_MANY_CONNECTIONS",
          .message =
              "The session has as many connections as it may have. Close another window of it, or "
              "try again later.",
          .fields = {{"Retry-After", "5"}}};
}

Answer AccessWithdrawn() {
  return {.status = 401,
          .reason = "TOKEN_INVALID",
          .message = "The access was withdrawn. Open the session again from the application.",
          .fields = {{"WWW-Authenticate", "Bearer realm=\"spawner\""}}};
}

std::optional<std::string> WebSocketRefusal(const RequestHead& request, uint16_t close_code) {
  constexpr absl::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455 1.3
  constexpr size_t kKeySize = 24;                                              // 16 bytes in base64
  absl::string_view key;
  absl::string_view protocol;  // clients that offered some fail without one
  for (const Field& field : request.fields.all()) {
    if (absl::EqualsIgnoreCase(field.name, "sec-websocket-key")) key = field.value;
    if (field.known == FieldName::kSecWebSocketProtocol && protocol.empty()) {
      ForEachInList(field.value, [&protocol](absl::string_view offered) {
        protocol = offered;
        return false;
      });
    }
  }
  if (key.size() != kKeySize) return std::nullopt;
  std::string out = absl::StrCat(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Accept: ",
      absl::Base64Escape(Sha1(absl::StrCat(key, kGuid))), "\r\n");
  if (!protocol.empty()) AppendField({"Sec-WebSocket-Protocol", protocol}, &out);
  out.append("\r\n\x88\x02");
  out.push_back(static_cast<char>(close_code >> 8));
  out.push_back(static_cast<char>(close_code & 0xff));
  return out;
}

Answer NotAllowed(const AuthDecision& decision) {
  switch (decision.action) {
    case AuthAction::kRedirect:
      return {.status = 302,
              .reason = "TOKEN_ACCEPTED",
              .message = "Go on without the token in the URL.",
              .fields = {{"Location", decision.location}, {"Set-Cookie", decision.set_cookie}}};
    case AuthAction::kPreflight:
      return {.status = 204};
    case AuthAction::kTooMany:
      return {.status = 429,
              .reason = decision.reason,
              .message = absl::StrCat(Sentence(decision.message), " Try again in a few seconds."),
              .fields = {{"Retry-After", "10"}}};
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
    case AuthAction::kUseToken:
    case AuthAction::kAllow:
      break;
  }
  SPAWNER_CHECK(false);
  return {};
}

}  // namespace spawner::proxy
