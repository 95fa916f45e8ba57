#ifndef SPAWNER_CONTROLLER_KUBE_API_PATH_H_
#define SPAWNER_CONTROLLER_KUBE_API_PATH_H_

#include <string>

#include "absl/strings/string_view.h"

namespace spawner::kube {

// "/api/v1/namespaces/a/pods"; "/api/v1/pods" with ns "".
std::string PodsPath(absl::string_view ns);
std::string PodPath(absl::string_view ns, absl::string_view name);
// For one value of a query: all but RFC 3986's unreserved characters as %XX.
std::string QueryEscape(absl::string_view value);

// What a request does, in the words of RBAC.
struct RequestName {
  std::string verb;      // "get", "list", "watch", "create", "update", "patch", "delete"
  std::string resource;  // "pods", "leases", "pods/log"; "" if the path is none of the API's
  std::string ns;        // "": no namespace, or all
  std::string name;      // "" for a collection

  // "create pod a/s-1", "list pods in namespace a", "watch pods in all namespaces".
  std::string Text() const;
};

RequestName NameRequest(absl::string_view method, absl::string_view path);

}  // namespace spawner::kube

#endif  // SPAWNER_CONTROLLER_KUBE_API_PATH_H_
