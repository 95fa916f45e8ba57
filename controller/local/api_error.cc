#include "controller/local/api_error.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/local/limits.h"

namespace spawner::local {
namespace {

// "pods", "leases.coordination.k8s.io": how a message names the resource.
std::string QualifiedResource(Resource resource) {
  const ResourceInfo& info = InfoOf(resource);
  return info.group.empty() ? std::string(info.plural) : absl::StrCat(info.plural, ".", info.group);
}

std::string QualifiedKind(Resource resource) {
  const ResourceInfo& info = InfoOf(resource);
  return info.group.empty() ? std::string(info.kind) : absl::StrCat(info.kind, ".", info.group);
}

Json Details(const ObjectKey& key, absl::string_view kind) {
  Json details = {{"name", key.name}, {"kind", std::string(kind)}};
  const ResourceInfo& info = InfoOf(key.resource);
  if (!info.group.empty()) details["group"] = std::string(info.group);
  return details;
}

ApiError Make(int code, absl::string_view reason, std::string message, Json details = nullptr) {
  ApiError error;
  error.code = code;
  error.reason = std::string(reason);
  error.message = std::move(message);
  error.details = std::move(details);
  return error;
}

absl::string_view CauseReason(FieldFault::Kind kind) {
  switch (kind) {
    case FieldFault::Kind::kRequired:
      return "FieldValueRequired";
    case FieldFault::Kind::kInvalid:
      return "FieldValueInvalid";
    case FieldFault::Kind::kForbidden:
      return "FieldValueForbidden";
    case FieldFault::Kind::kNotSupported:
      return "FieldValueNotSupported";
  }
  return "FieldValueInvalid";
}

}  // namespace

Json ApiError::ToStatus() const {
  Json status = {{"kind", "Status"},    {"apiVersion", "v1"}, {"metadata", Json::object()},
                 {"status", "Failure"}, {"message", message}, {"reason", reason},
                 {"code", code}};
  if (!details.is_null()) status["details"] = details;
  if (retry_after_seconds) status["details"]["retryAfterSeconds"] = *retry_after_seconds;
  return status;
}

ApiError BadRequest(std::string message) { return Make(400, "BadRequest", std::move(message)); }

ApiError NotFound(const ObjectKey& key) {
  return Make(404, "NotFound",
              absl::StrCat(QualifiedResource(key.resource), " \"", key.name, "\" not found"),
              Details(key, InfoOf(key.resource).plural));
}

ApiError PathNotFound() {
  return Make(404, "NotFound", "the server could not find the requested resource", Json::object());
}

ApiError MethodNotAllowed() {
  return Make(405, "MethodNotAllowed",
              "the server does not allow this method on the requested resource", Json::object());
}

ApiError AlreadyExists(const ObjectKey& key) {
  return Make(409, "AlreadyExists",
              absl::StrCat(QualifiedResource(key.resource), " \"", key.name, "\" already exists"),
              Details(key, InfoOf(key.resource).plural));
}

ApiError ModifiedConflict(const ObjectKey& key) {
  return Make(409, "Conflict",
              absl::StrCat("Operation cannot be fulfilled on ", QualifiedResource(key.resource),
                           " \"", key.name,
                           "\": the object has been modified; please apply your changes to the "
                           "latest version and try again"),
              Details(key, InfoOf(key.resource).plural));
}

ApiError PreconditionConflict(const ObjectKey& key, absl::string_view what,
                              absl::string_view wanted, absl::string_view found) {
  return Make(409, "Conflict",
              absl::StrCat("Operation cannot be fulfilled on ", QualifiedResource(key.resource),
                           " \"", key.name, "\": Precondition failed: ", what,
                           " in precondition: ", wanted, ", ", what, " in object meta: ", found),
              Details(key, InfoOf(key.resource).plural));
}

ApiError Invalid(const ObjectKey& key, std::vector<FieldFault> faults) {
  std::vector<std::string> lines;
  Json causes = Json::array();
  for (const FieldFault& fault : faults) {
    lines.push_back(absl::StrCat(fault.field, ": ", fault.why));
    causes.push_back({{"reason", std::string(CauseReason(fault.kind))},
                      {"message", fault.why},
                      {"field", fault.field}});
  }
  const std::string text =
      lines.size() == 1 ? lines[0] : absl::StrCat("[", absl::StrJoin(lines, ", "), "]");
  Json details = Details(key, InfoOf(key.resource).kind);
  details["causes"] = std::move(causes);
  return Make(422, "Invalid",
              absl::StrCat(QualifiedKind(key.resource), " \"", key.name, "\" is invalid: ", text),
              std::move(details));
}

ApiError Expired(std::string message) { return Make(410, "Expired", std::move(message)); }

ApiError UnsupportedMediaType(absl::string_view accepted) {
  return Make(415, "UnsupportedMediaType",
              absl::StrCat("the body of the request was in an unknown format - accepted media "
                           "types include: ",
                           accepted));
}

ApiError TooManyRequests(int64_t retry_after_seconds) {
  ApiError error = Make(429, "TooManyRequests", "too many requests, please try again later");
  error.retry_after_seconds = retry_after_seconds;
  return error;
}

ApiError BodyTooLarge() {
  return Make(413, "RequestEntityTooLarge",
              absl::StrCat("Request entity too large: limit is ", kBodyBytesMax));
}

ApiError Forbidden(const ObjectKey& key, absl::string_view why) {
  return Make(
      403, "Forbidden",
      absl::StrCat(QualifiedResource(key.resource), " \"", key.name, "\" is forbidden: ", why),
      Details(key, InfoOf(key.resource).plural));
}

ApiError ServerError(int code, std::string message) {
  absl::string_view reason = "InternalError";
  if (code == 503) reason = "ServiceUnavailable";
  if (code == 504) reason = "Timeout";
  if (code == 401) reason = "Unauthorized";
  if (code == 403) reason = "Forbidden";
  return Make(code, reason, std::move(message));
}

}  // namespace spawner::local
