#include "controller/auth/reviews.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/json.h"
#include "base/status.h"
#include "controller/auth/limits.h"

namespace spawner::auth {
namespace {

constexpr char kTokenReviews[] = "/apis/authentication.k8s.io/v1/tokenreviews";
constexpr char kAccessReviews[] = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
constexpr absl::string_view kRemedy =
    "send the token of a ServiceAccount that has not expired, made for the audience that the "
    "controller's --auth-audience names";

CallerVerdict Bad(absl::string_view why) {
  return {TokenInvalid(absl::StrCat("Kubernetes does not know the token: ", why), kRemedy),
          kTokenBadFor};
}

CallerVerdict ReadTokenReview(const absl::StatusOr<std::string>& text,
                              const std::vector<std::string>& audiences) {
  if (!text.ok()) return {CannotAsk("authenticate: ask Kubernetes", text.status()), {}};
  const absl::StatusOr<Json> review = ParseJson(*text);
  if (!review.ok()) return {CannotAsk("authenticate: read the TokenReview", review.status()), {}};
  absl::Status error;
  const JsonReader status = JsonReader(*review, "", error).Object("status");
  const bool is_known = status.Bool("authenticated");
  const std::string why = status.String("error");
  const std::vector<std::string> good_for = status.Strings("audiences");
  const JsonReader user = status.Object("user");
  Caller caller{
      .name = user.String("username"), .uid = user.String("uid"), .groups = user.Strings("groups")};
  if (!error.ok()) return {CannotAsk("authenticate: read the TokenReview", error), {}};
  if (!is_known || caller.name.empty()) return Bad(why.empty() ? "it says nothing more" : why);
  // An authenticator that knows no audiences leaves them out: what it says is not for us.
  const bool is_for_us =
      audiences.empty() || std::any_of(audiences.begin(), audiences.end(), [&](const auto& ours) {
        return std::count(good_for.begin(), good_for.end(), ours) > 0;
      });
  if (!is_for_us) {
    return Bad(absl::StrCat("it is not for the audience ", absl::StrJoin(audiences, " or ")));
  }
  if (caller.name.size() > kNameBytesMax || caller.groups.size() > kGroupsMax) {
    return Bad("the user has too long a name or too many groups");
  }
  return {MakeCaller(std::move(caller)), kTokenGoodFor};
}

AskOnce<Access>::Verdict ReadAccessReview(const absl::StatusOr<std::string>& text) {
  if (!text.ok()) return {CannotAsk("authorize: ask Kubernetes", text.status()), {}};
  const absl::StatusOr<Json> review = ParseJson(*text);
  if (!review.ok()) return {CannotAsk("authorize: read the answer", review.status()), {}};
  absl::Status error;
  const JsonReader status = JsonReader(*review, "", error).Object("status");
  Access access{.is_allowed = status.Bool("allowed"), .why = status.String("reason")};
  if (status.Bool("denied")) access.is_allowed = false;
  if (!error.ok()) return {CannotAsk("authorize: read the answer", error), {}};
  const absl::Duration good_for = access.is_allowed ? kAllowedFor : kForbiddenFor;
  return {std::move(access), good_for};
}

}  // namespace

void ReviewToken(kube::KubeClient& client, absl::string_view token,
                 const std::vector<std::string>& audiences, CallerFinish finish) {
  Json spec = {{"token", std::string(token)}};
  if (!audiences.empty()) spec["audiences"] = audiences;
  const Json review = {{"apiVersion", "authentication.k8s.io/v1"},
                       {"kind", "TokenReview"},
                       {"spec", std::move(spec)}};
  client.CreateObject(
      kTokenReviews, JsonText(review),
      [audiences, finish = std::move(finish)](const absl::StatusOr<std::string>& answer) {
        finish(ReadTokenReview(answer, audiences));
      });
}

void ReviewAccess(kube::KubeClient& client, const Caller& caller, const Ask& ask,
                  AskOnce<Access>::Finish finish) {
  Json resource = {{"group", "spawner.dev"},
                   {"version", "v1"},
                   {"resource", std::string(ask.resource)},
                   {"verb", std::string(ask.verb)}};
  if (!ask.ns.empty()) resource["namespace"] = ask.ns;
  if (!ask.subresource.empty()) resource["subresource"] = std::string(ask.subresource);
  Json spec = {{"user", caller.name}, {"resourceAttributes", std::move(resource)}};
  if (!caller.uid.empty()) spec["uid"] = caller.uid;
  if (!caller.groups.empty()) spec["groups"] = caller.groups;
  const Json review = {{"apiVersion", "authorization.k8s.io/v1"},
                       {"kind", "SubjectAccessReview"},
                       {"spec", std::move(spec)}};
  client.CreateObject(kAccessReviews, JsonText(review),
                      [finish = std::move(finish)](const absl::StatusOr<std::string>& answer) {
                        finish(ReadAccessReview(answer));
                      });
}

}  // namespace spawner::auth
