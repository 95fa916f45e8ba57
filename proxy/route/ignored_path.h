#ifndef SPAWNER_PROXY_ROUTE_IGNORED_PATH_H_
#define SPAWNER_PROXY_ROUTE_IGNORED_PATH_H_

#include "absl/strings/string_view.h"
#include "proxy/route/route.h"

namespace spawner::proxy {

// Whether a request for `path` is no use of the session (Route.ignore_paths). As the client sent
// it, without the route's prefix; its query does not matter.
bool IsIgnoredPath(const Route& route, absl::string_view path);

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_ROUTE_IGNORED_PATH_H_
