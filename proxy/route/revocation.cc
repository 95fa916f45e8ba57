#include "proxy/route/revocation.h"

#include <algorithm>

#include "absl/hash/hash.h"

namespace spawner::proxy {

uint64_t HashOfGrant(absl::string_view grant_id) {
  const uint64_t hash = absl::Hash<absl::string_view>{}(grant_id);
  return hash == 0 ? 1 : hash;
}

uint32_t HashOfUser(absl::string_view user) {
  if (user.empty()) return 0;
  const auto hash = static_cast<uint32_t>(HashOfGrant(user) >> 32);
  return hash == 0 ? 1 : hash;
}

uint32_t SecondOf(absl::Time time) {
  return static_cast<uint32_t>(std::clamp<int64_t>(absl::ToUnixSeconds(time), 0, UINT32_MAX));
}

bool HasRevocations(const Route& route) {
  return route.not_issued_before != 0 || !route.revoked.empty() || !route.revoked_users.empty();
}

bool IsRevoked(const Route& route, const GrantMark& mark) {
  if (mark.id == 0) return false;
  if (mark.issued_at < route.not_issued_before) return true;
  if (std::binary_search(route.revoked.begin(), route.revoked.end(), mark.id)) return true;
  if (route.revoked_users.empty() || mark.user == 0) return false;
  const auto found = std::lower_bound(
      route.revoked_users.begin(), route.revoked_users.end(), mark.user,
      [](const RevokedUser& revoked, uint32_t user) { return revoked.user < user; });
  return found != route.revoked_users.end() && found->user == mark.user &&
         mark.issued_at < found->not_issued_before;
}

}  // namespace spawner::proxy
