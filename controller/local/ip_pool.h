#ifndef SPAWNER_CONTROLLER_LOCAL_IP_POOL_H_
#define SPAWNER_CONTROLLER_LOCAL_IP_POOL_H_

#include <cstdint>
#include <set>
#include <string>

namespace spawner::local {

// Addresses for pods out of 127.64.0.0/10: all of 127.0.0.0/8 is this machine, so each pod can have
// the same port. An address comes back into use only after all others, so that a late client of a
// pod that is gone doesn't meet the next one.
class IpPool {
 public:
  // All of it, for pods that only seem to run.
  IpPool() : IpPool(0, 1u << 22) {}
  // One region's /16.
  explicit IpPool(uint32_t region) : IpPool(region << 16, 1u << 16) {}

  // Never out of addresses: there are 4 million, more than kObjectsMax, and 65,000 in a region,
  // more than kProcessesMax.
  std::string Take();
  void Return(const std::string& ip);

 private:
  IpPool(uint32_t first, uint32_t count) : first_(first), count_(count) {}

  const uint32_t first_;  // offset within the /10
  const uint32_t count_;
  uint32_t next_ = 1;
  std::set<std::string> taken_;
};

}  // namespace spawner::local

#endif  // SPAWNER_CONTROLLER_LOCAL_IP_POOL_H_
