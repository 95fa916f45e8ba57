#include "proxy/route/revocation.h"

#include <algorithm>

#include "absl/hash/hash.h"

namespace spawner::proxy {

uint64_t HashOfGrant(absl::string_view grant_id) {
  const uint64_t hash = absl::Hash<absl::string_view>{}(grant_id);
  return hash == 0 ? 1 : hash;
}

uint32_t SecondOf(absl::Time time) {
  return static_cast<uint32_t>(std::clamp<int64_t>(absl::ToUnixSeconds(time), 0, UINT32_MAX));
}

bool IsRevoked(const Route& route, const GrantMark& mark) {
  if (mark.id == 0) return false;
  return mark.issued_at < route.not_issued_before ||
         std::binary_search(route.revoked.begin(), route.revoked.end(), mark.id);
}

}  // namespace spawner::proxy
