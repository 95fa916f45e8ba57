#include "controller/kube/api_error.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/json.h"
#include "base/status.h"
#include "controller/kube/limits.h"

namespace spawner::kube {
namespace {

constexpr size_t kQuotedBytesMax = 512;  // of a body that is not a Status, in a message

// What we read of metav1.Status.
struct ApiStatus {
  std::string message;
  std::string reason;
  bool uid_differs = false;  // a cause names metadata.uid
  std::optional<absl::Duration> retry_after;
};

ApiStatus ReadStatus(absl::string_view body) {
  ApiStatus status;
  const absl::StatusOr<Json> document = ParseJson(body);
  if (document.ok() && document->is_object()) {
    absl::Status ignored;  // a Status of an odd shape still tells what it tells
    const JsonReader reader(*document, "", ignored);
    status.message = reader.String("message");
    status.reason = reader.String("reason");
    const JsonReader details = reader.Object("details");
    for (const JsonReader& cause : details.Objects("causes")) {
      if (cause.String("field") == "metadata.uid") status.uid_differs = true;
    }
    if (const int64_t seconds = details.Int("retryAfterSeconds").value_or(0); seconds > 0) {
      status.retry_after = absl::Seconds(seconds);
    }
  }
  if (status.message.empty()) {
    status.message = std::string(absl::StripAsciiWhitespace(body.substr(0, kQuotedBytesMax)));
  }
  if (status.message.empty()) status.message = "no message";
  return status;
}

absl::StatusCode CodeOf(const RequestName& request, int http_code, const ApiStatus& status) {
  switch (http_code) {
    case 400:
    case 413:
      return absl::StatusCode::kInvalidArgument;
    case 401:
      return absl::StatusCode::kUnauthenticated;
    case 403:
      return absl::StatusCode::kPermissionDenied;
    case 404:
      return absl::StatusCode::kNotFound;
    case 409:
      // A create may meet another conflict than its name (a quota that is being updated).
      return request.verb == "create" && status.reason != "Conflict"
                 ? absl::StatusCode::kAlreadyExists
                 : absl::StatusCode::kAborted;
    case 410:
      return absl::StatusCode::kOutOfRange;
    case 422:
      // A patch whose metadata.uid is another's is "immutable" to the API server, not a conflict.
      return request.verb == "patch" && status.uid_differs ? absl::StatusCode::kAborted
                                                           : absl::StatusCode::kInvalidArgument;
    case 429:
      return absl::StatusCode::kResourceExhausted;
    default:
      return http_code >= 500 || http_code == 408 ? absl::StatusCode::kUnavailable
                                                  : absl::StatusCode::kInternal;
  }
}

std::string AdviceOf(const RequestName& request, int http_code, const ApiStatus& status) {
  if (http_code == 401) {
    return "; the API server does not know us: check the token or the client certificate";
  }
  // RBAC's refusals say `cannot VERB resource`; quota and admission refuse with 403 as well.
  if (http_code != 403 || !absl::StrContains(status.message, "cannot ")) return "";
  return absl::StrCat(
      "; grant verb \"", request.verb, "\" on \"", request.resource, "\" in ",
      request.ns.empty() ? "all namespaces" : absl::StrCat("namespace \"", request.ns, "\""),
      ": see deploy/manifests rbac");
}

}  // namespace

absl::Status ApiError(const RequestName& request, int http_code,
                      std::optional<absl::Duration> retry_after, absl::string_view body) {
  const ApiStatus status = ReadStatus(body);
  absl::Status error(CodeOf(request, http_code, status),
                     absl::StrCat(request.Text(), ": HTTP ", http_code, ": ", status.message,
                                  AdviceOf(request, http_code, status)));
  if (!retry_after.has_value()) retry_after = status.retry_after;
  if (http_code == 429 && !retry_after.has_value()) retry_after = kRetryAfterDefault;
  if (retry_after.has_value() && (http_code == 429 || http_code >= 500)) {
    error = WithRetryAfter(std::move(error), std::min(*retry_after, kRetryAfterMax));
  }
  if (error.code() == absl::StatusCode::kUnavailable) {
    error = WithReason(std::move(error), "KUBERNETES_UNREACHABLE");
  }
  return error;
}

absl::Status NoAnswer(const RequestName& request, const absl::Status& transport_error) {
  absl::Status error = Annotate(transport_error, request.Text());
  if (error.code() != absl::StatusCode::kUnavailable) return error;
  return WithReason(std::move(error), "KUBERNETES_UNREACHABLE");
}

}  // namespace spawner::kube
