#ifndef SPAWNER_CONTROLLER_LOCAL_IP_REGION_H_
#define SPAWNER_CONTROLLER_LOCAL_IP_REGION_H_

#include <cstdint>

#include "absl/status/statusor.h"

namespace spawner::local {

// One /16 of 127.64.0.0/10 that is this process's alone while the object lives: two controllers on
// one machine would otherwise give their pods the same addresses, and a session would answer for
// another's. Claimed by the name of an abstract socket, which is per network namespace as loopback
// is, and which the kernel gives back however the process ends.
class IpRegion {
 public:
  static constexpr uint32_t kRegions = 64;

  // The first free one. RESOURCE_EXHAUSTED if all are taken or there are no descriptors.
  static absl::StatusOr<IpRegion> Claim();

  IpRegion(IpRegion&& other) noexcept;
  IpRegion& operator=(IpRegion&&) = delete;
  IpRegion(const IpRegion&) = delete;
  IpRegion& operator=(const IpRegion&) = delete;
  ~IpRegion();

  uint32_t number() const { return number_; }

 private:
  IpRegion(uint32_t number, int fd) : number_(number), fd_(fd) {}

  uint32_t number_;
  int fd_;
};

}  // namespace spawner::local

#endif  // SPAWNER_CONTROLLER_LOCAL_IP_REGION_H_
