#ifndef SPAWNER_CONTROLLER_LOCAL_REVIEWS_H_
#define SPAWNER_CONTROLLER_LOCAL_REVIEWS_H_

#include <functional>
#include <optional>

#include "absl/strings/string_view.h"
#include "base/json.h"
#include "controller/local/api_error.h"

namespace spawner::local {

// Says what a review finds: its `status`, from its `spec`.
using Reviewer = std::function<Json(const Json& spec)>;

// TokenReviews and SubjectAccessReviews, answered in kube-apiserver's shapes. Nothing is stored. By
// default no token is known, and everybody may do everything: there is no RBAC here.
struct Reviewers {
  Reviewer token;
  Reviewer access;
};

// Nothing: `path` is of no review.
std::optional<ApiResult<Json>> ServeReview(const Reviewers& reviewers, absl::string_view method,
                                           absl::string_view path, absl::string_view body);

}  // namespace spawner::local

#endif  // SPAWNER_CONTROLLER_LOCAL_REVIEWS_H_
