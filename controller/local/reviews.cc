#include "controller/local/reviews.h"

#include <string>
#include <utility>

#include "base/status.h"
#include "controller/local/limits.h"

namespace spawner::local {
namespace {

constexpr absl::string_view kTokenReviews = "/apis/authentication.k8s.io/v1/tokenreviews";
constexpr absl::string_view kAccessReviews = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

Json Answer(const char* version, const char* kind, Json spec, Json status) {
  return {{"kind", kind},
          {"apiVersion", version},
          {"metadata", Json::object()},
          {"spec", std::move(spec)},
          {"status", std::move(status)}};
}

ApiError InvalidReview(std::string why) {
  ApiError error;
  error.code = 422;
  error.reason = "Invalid";
  error.message = std::move(why);
  return error;
}

ApiResult<Json> ReviewToken(const Reviewer& reviewer, const Json& spec) {
  const auto token = spec.find("token");
  if (token == spec.end() || !token->is_string() || *token == "") {
    return BadRequest("token is required for TokenReview in authentication");
  }
  Json status = reviewer ? reviewer(spec) : Json{{"user", Json::object()}};
  return Answer("authentication.k8s.io/v1", "TokenReview", spec, std::move(status));
}

ApiResult<Json> ReviewAccess(const Reviewer& reviewer, const Json& spec) {
  if (!spec.contains("resourceAttributes") == !spec.contains("nonResourceAttributes")) {
    return InvalidReview(
        "SubjectAccessReview.authorization.k8s.io \"\" is invalid: spec.resourceAttributes: "
        "Invalid "
        "value: exactly one of nonResourceAttributes or resourceAttributes must be specified");
  }
  if (!spec.contains("user") && !spec.contains("groups")) {
    return InvalidReview(
        "SubjectAccessReview.authorization.k8s.io \"\" is invalid: spec.user: Invalid value: \"\": "
        "at least one of user or group must be specified");
  }
  Json status = reviewer ? reviewer(spec) : Json{{"allowed", true}};
  return Answer("authorization.k8s.io/v1", "SubjectAccessReview", spec, std::move(status));
}

}  // namespace

std::optional<ApiResult<Json>> ServeReview(const Reviewers& reviewers, absl::string_view method,
                                           absl::string_view path, absl::string_view body) {
  path = path.substr(0, path.find('?'));
  const bool is_token = path == kTokenReviews;
  if (!is_token && path != kAccessReviews) return std::nullopt;
  if (method != "POST") return MethodNotAllowed();
  if (body.size() > kBodyBytesMax) return BodyTooLarge();
  const absl::StatusOr<Json> review = ParseJson(body);
  if (!review.ok()) return BadRequest(std::string(review.status().message()));
  const auto spec = review->find("spec");
  if (!review->is_object() || spec == review->end() || !spec->is_object()) {
    return BadRequest("the review has no spec");
  }
  return is_token ? ReviewToken(reviewers.token, *spec) : ReviewAccess(reviewers.access, *spec);
}

}  // namespace spawner::local
