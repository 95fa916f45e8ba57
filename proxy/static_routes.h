#ifndef SPAWNER_PROXY_STATIC_ROUTES_H_
#define SPAWNER_PROXY_STATIC_ROUTES_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proxy/route/route.h"

namespace spawner::proxy {

// The text of --static-routes: one route a line, '#' begins a comment.
//   app.example.test  127.0.0.1:8080     by host, in any case, whatever the port
//   /api              127.0.0.1:9090     by path, which the backend sees without the prefix
//   grpc.example.test 127.0.0.1:50051 h2c     a backend that speaks HTTP/2 without TLS
// A whole table of open routes. INVALID_ARGUMENT names the line.
absl::StatusOr<RouteChange> ParseStaticRoutes(absl::string_view text);

// Codes of ParseStaticRoutes, and those of ReadFile.
absl::StatusOr<RouteChange> ReadStaticRoutes(const std::string& path);

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_STATIC_ROUTES_H_
