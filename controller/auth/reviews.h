#ifndef SPAWNER_CONTROLLER_AUTH_REVIEWS_H_
#define SPAWNER_CONTROLLER_AUTH_REVIEWS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "controller/auth/ask_once.h"
#include "controller/auth/caller.h"
#include "controller/kube/kube_client.h"

// What Kubernetes is asked of a caller, each one POST that stores nothing.
namespace spawner::auth {

// A TokenReview (authentication.k8s.io/v1): whose token it is. The token must be for one of
// `audiences`; none: for the API server itself.
void ReviewToken(kube::KubeClient& client, absl::string_view token,
                 const std::vector<std::string>& audiences, CallerFinish finish);

// Whether RBAC allows it.
struct Access {
  bool is_allowed = false;
  std::string why;  // Kubernetes' own word; may be empty
};

// A SubjectAccessReview (authorization.k8s.io/v1) on the virtual resources of the group
// spawner.dev.
void ReviewAccess(kube::KubeClient& client, const Caller& caller, const Ask& ask,
                  AskOnce<Access>::Finish finish);

}  // namespace spawner::auth

#endif  // SPAWNER_CONTROLLER_AUTH_REVIEWS_H_
