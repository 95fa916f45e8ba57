#ifndef SPAWNER_CONTROLLER_CORE_LEADERSHIP_H_
#define SPAWNER_CONTROLLER_CORE_LEADERSHIP_H_

#include <cstdint>
#include <string>

namespace spawner::core {

// What the election says. `number` is ours while `is_leader`, else the leader's as far as known.
struct Leadership {
  bool is_leader = false;
  uint32_t number = 0;
  std::string leader_id;
  std::string leader_address;  // gRPC, "IP:PORT"; empty: unknown
  std::string roster;          // as the Lease held it when we took it over

  bool operator==(const Leadership&) const = default;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_LEADERSHIP_H_
