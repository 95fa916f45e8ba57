#ifndef SPAWNER_CONTROLLER_AUTH_PERMISSIONS_H_
#define SPAWNER_CONTROLLER_AUTH_PERMISSIONS_H_

#include "absl/strings/string_view.h"

namespace spawner::auth {

// What a method needs: a verb on a resource of the group spawner.dev, in the request's namespace or
// (`is_namespaced` false) in the whole cluster. docs/security.md has the same table for people.
struct Permission {
  absl::string_view method;  // "/spawner.v1.Sessions/Connect"
  absl::string_view verb;
  absl::string_view resource;
  absl::string_view subresource;
  bool is_namespaced = true;
};

// Null for a method that is not in the table: of spawner.v1 nobody may call it.
const Permission* FindPermission(absl::string_view method);

}  // namespace spawner::auth

#endif  // SPAWNER_CONTROLLER_AUTH_PERMISSIONS_H_
