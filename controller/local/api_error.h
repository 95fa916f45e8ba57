#ifndef SPAWNER_CONTROLLER_LOCAL_API_ERROR_H_
#define SPAWNER_CONTROLLER_LOCAL_API_ERROR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/json.h"
#include "controller/local/api_path.h"

namespace spawner::local {

// One fault in one field, as the API server lists them under details.causes.
struct FieldFault {
  enum class Kind { kRequired, kInvalid, kForbidden, kNotSupported };
  Kind kind = Kind::kInvalid;
  std::string field;  // "spec.containers[0].image"
  std::string why;    // "Required value"
};

// An answer that isn't a success: the HTTP code and the reason and message of its Status object.
// The texts are kube-apiserver's own, so that whoever parses or shows them meets the same words.
struct ApiError {
  int code = 500;
  std::string reason;  // "NotFound"
  std::string message;
  Json details;  // null: none
  std::optional<int64_t> retry_after_seconds;

  // The object of kind Status that is the body.
  Json ToStatus() const;
};

// A value or an error; like StatusOr, but the error is one of the Kubernetes API.
template <typename T>
class ApiResult {
 public:
  ApiResult(T value)
      : content_(std::move(value)) {}  // NOLINT(google-explicit-constructor): as StatusOr
  ApiResult(ApiError error)
      : content_(std::move(error)) {}  // NOLINT(google-explicit-constructor): as StatusOr
  bool ok() const { return content_.index() == 0; }
  T& value() { return std::get<0>(content_); }
  const ApiError& error() const { return std::get<1>(content_); }

 private:
  std::variant<T, ApiError> content_;
};

ApiError BadRequest(std::string message);
ApiError NotFound(const ObjectKey& key);
ApiError PathNotFound();
ApiError MethodNotAllowed();
ApiError AlreadyExists(const ObjectKey& key);
// The object was changed by another since the caller read it.
ApiError ModifiedConflict(const ObjectKey& key);
// A precondition (`what`: "UID", "ResourceVersion") of a delete or update doesn't hold.
ApiError PreconditionConflict(const ObjectKey& key, absl::string_view what,
                              absl::string_view wanted, absl::string_view found);
ApiError Invalid(const ObjectKey& key, std::vector<FieldFault> faults);
ApiError Expired(std::string message);
ApiError UnsupportedMediaType(absl::string_view accepted);
ApiError TooManyRequests(int64_t retry_after_seconds);
ApiError BodyTooLarge();
ApiError Forbidden(const ObjectKey& key, absl::string_view why);
// Any other code, as a fault injected by a test: 500, 503, 504 ...
ApiError ServerError(int code, std::string message);

}  // namespace spawner::local

#endif  // SPAWNER_CONTROLLER_LOCAL_API_ERROR_H_
