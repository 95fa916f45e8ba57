#include "controller/route/route.h"

#include <tuple>

namespace spawner::route {

const std::shared_ptr<const RoutePolicy>& Route::DefaultPolicy() {
  static const auto& policy = *new std::shared_ptr<const RoutePolicy>(new RoutePolicy);
  return policy;
}

bool operator==(const Route& a, const Route& b) {
  const auto all = [](const Route& r) {
    return std::tie(r.session, r.epoch, r.state, r.port, r.ip, r.reason, r.phase, r.message,
                    r.revoked, r.near_end);
  };
  return all(a) == all(b) && (a.policy == b.policy || *a.policy == *b.policy);
}

}  // namespace spawner::route
