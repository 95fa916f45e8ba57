#include "proxy/route/authorizer.h"

#include "absl/strings/match.h"

namespace spawner::proxy {

bool IsReservedHeader(absl::string_view name) {
  return absl::StartsWithIgnoreCase(name, "spawner-") ||
         absl::StartsWithIgnoreCase(name, "x-verified-");
}

}  // namespace spawner::proxy
