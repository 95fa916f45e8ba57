#ifndef SPAWNER_CONTROLLER_LOCAL_TCP_PROBE_H_
#define SPAWNER_CONTROLLER_LOCAL_TCP_PROBE_H_

#include "base/address.h"
#include "base/clock.h"

namespace spawner::local {

// Finds out when something on this machine accepts connections at an address: tries after 5 ms, and
// then ever more seldom up to each 100 ms. Never blocks.
// Thread: one. Owner: ProcessRuntime.
class TcpProbe {
 public:
  TcpProbe(Address address, Instant now);
  ~TcpProbe();
  TcpProbe(const TcpProbe&) = delete;
  TcpProbe& operator=(const TcpProbe&) = delete;

  // When Try wants to be called.
  Instant next_try() const { return next_try_; }
  // True: somebody accepted.
  bool Try(Instant now);

 private:
  bool BeginConnect();
  bool HasConnected();
  void Close();
  // Plans the next attempt after one that failed.
  void BackOff(Instant now);

  const Address address_;
  int fd_ = -1;
  Instant began_;
  Instant next_try_;
  absl::Duration delay_;
};

}  // namespace spawner::local

#endif  // SPAWNER_CONTROLLER_LOCAL_TCP_PROBE_H_
