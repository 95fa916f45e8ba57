#include "proxy/route/ignored_path.h"

#include "absl/strings/match.h"

namespace spawner::proxy {

bool IsIgnoredPath(const Route& route, absl::string_view path) {
  if (route.ignore_paths.empty()) return false;
  path = path.substr(0, path.find('?'));
  if (path.empty()) path = "/";
  for (absl::string_view pattern : route.ignore_paths) {
    if (absl::EndsWith(pattern, "*")) {
      if (absl::StartsWith(path, pattern.substr(0, pattern.size() - 1))) return true;
    } else if (path == pattern) {
      return true;
    }
  }
  return false;
}

}  // namespace spawner::proxy
