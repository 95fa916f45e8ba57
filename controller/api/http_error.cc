#include "controller/api/http_error.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace spawner::api {
namespace {

// As google.rpc.Code's comments have it, but for FAILED_PRECONDITION: the request is not at fault,
// the state of the session is.
int HttpCodeOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
      return 409;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kCancelled:  // by our own shutdown
    case absl::StatusCode::kUnavailable:
      return 503;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    default:
      return 500;
  }
}

}  // namespace

HttpAnswer JsonAnswer(int code, const Json& body) {
  return {
      .code = code, .content_type = "application/json", .body = absl::StrCat(JsonText(body), "\n")};
}

Json ErrorJson(const absl::Status& status) {
  const std::string code = absl::StatusCodeToString(status.code());
  const std::string reason = ReasonOf(status);
  return {{"error",
           {{"code", code},
            {"reason", reason.empty() ? code : reason},
            {"message", std::string(status.message())}}}};
}

HttpAnswer ErrorAnswer(const absl::Status& status) {
  HttpAnswer answer = JsonAnswer(HttpCodeOf(status.code()), ErrorJson(status));
  if (const std::optional<absl::Duration> wait = RetryAfterOf(status); wait.has_value()) {
    const int64_t seconds = absl::ToInt64Seconds(absl::Ceil(*wait, absl::Seconds(1)));
    answer.headers.emplace_back("Retry-After", absl::StrCat(std::max<int64_t>(seconds, 1)));
  }
  if (answer.code == 401) answer.headers.emplace_back("WWW-Authenticate", "Bearer");
  return answer;
}

}  // namespace spawner::api
