#ifndef SPAWNER_CONTROLLER_AUTH_CALLER_H_
#define SPAWNER_CONTROLLER_AUTH_CALLER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace spawner::auth {

// What the line of a static token allows by itself, without asking Kubernetes.
struct Rule {
  bool all_namespaces = false;  // and what belongs to none: status, keys, drains
  std::vector<std::string> namespaces;
  bool is_proxy = false;  // may open ProxyLink, and nothing else by that

  bool operator==(const Rule&) const = default;
};

// Who calls, as one of the ways to authenticate found.
struct Caller {
  std::string name;  // "system:serviceaccount:shop:server"
  std::string uid;   // of Kubernetes; may be empty
  std::vector<std::string> groups;
  std::optional<Rule> rule;  // none: Kubernetes' RBAC decides
  std::string rule_source;   // where the rule is written: "--token-file"
  // Stands for name, uid and groups: what is known of one of them is known of an equal one.
  std::string key;
};

// Owners: the cache that remembers the caller, and the calls it makes.
using CallerPtr = std::shared_ptr<const Caller>;
using CallerDone = std::function<void(const absl::StatusOr<CallerPtr>&)>;

// With its key.
CallerPtr MakeCaller(Caller caller);

// What a call does: the words of a SubjectAccessReview for the group spawner.dev.
struct Ask {
  absl::string_view verb;         // "create"; of the table of permissions.cc, as the next two
  absl::string_view resource;     // "sessions"
  absl::string_view subresource;  // "log", or empty
  std::string ns;                 // empty: in the whole cluster
};

// UNAUTHENTICATED / TOKEN_INVALID: "authenticate: why; what to do".
absl::Status TokenInvalid(absl::string_view why, absl::string_view remedy);
absl::Status TokenExpired(absl::string_view why, absl::string_view remedy);
// UNAVAILABLE / KUBERNETES_UNREACHABLE with a wait.
absl::Status CannotAsk(absl::string_view what, const absl::Status& error);
// PERMISSION_DENIED / NAMESPACE_FORBIDDEN: which verb on what is missing, and the kubectl command
// that grants it. `why` is Kubernetes' own word, or empty.
absl::Status Forbidden(const Caller& caller, const Ask& ask, absl::string_view why);

// "create sessions.spawner.dev in namespace team-a".
std::string TextOf(const Ask& ask);

}  // namespace spawner::auth

#endif  // SPAWNER_CONTROLLER_AUTH_CALLER_H_
