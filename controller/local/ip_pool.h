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
  // Never out of addresses: there are 4 million, more than kObjectsMax.
  std::string Take();
  void Return(const std::string& ip);

 private:
  uint32_t next_ = 1;
  std::set<std::string> taken_;
};

}  // namespace spawner::local

#endif  // SPAWNER_CONTROLLER_LOCAL_IP_POOL_H_
