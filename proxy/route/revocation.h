#ifndef SPAWNER_PROXY_ROUTE_REVOCATION_H_
#define SPAWNER_PROXY_ROUTE_REVOCATION_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proxy/route/route.h"

// Which connections a revocation ends. Ids are kept as hashes: 8 bytes in each open connection, and
// two grants of one session with the same hash are as likely as a forged signature. Users are kept
// in the 4 bytes that are left: one of 4 billion users shares a revoked one's fate.
namespace spawner::proxy {

// The grant that a connection was opened with.
struct GrantMark {
  uint64_t id = 0;  // 0: none
  uint32_t issued_at = 0;
  uint32_t user = 0;  // 0: none

  bool operator==(const GrantMark&) const = default;
};

// Means something in this process only. Never 0.
uint64_t HashOfGrant(absl::string_view grant_id);
// Likewise. 0 for no user.
uint32_t HashOfUser(absl::string_view user);
uint32_t SecondOf(absl::Time time);
// Whether the route revokes anything at all.
bool HasRevocations(const Route& route);
bool IsRevoked(const Route& route, const GrantMark& mark);

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_ROUTE_REVOCATION_H_
