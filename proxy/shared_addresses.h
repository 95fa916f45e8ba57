#ifndef SPAWNER_PROXY_SHARED_ADDRESSES_H_
#define SPAWNER_PROXY_SHARED_ADDRESSES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/node_hash_map.h"
#include "absl/strings/string_view.h"
#include "base/thread_annotations.h"
#include "proxy/io/address_caps.h"

namespace spawner::proxy {

// The counts of all workers, under one lock that is held for a look-up when a connection comes and
// when it goes. An address is an IPv4 address or the /64 of an IPv6 one.
// Thread: any. Owner: Fleet.
class SharedAddresses final : public AddressCaps {
 public:
  // `max` of each address; zero: nothing is counted.
  explicit SharedAddresses(uint32_t max) : max_(max) {}

  std::optional<AddressSlot> TryOpen(absl::string_view ip) override;
  // That have a connection now.
  size_t addresses() const;

 private:
  struct Count : AddressCount {
    explicit Count(AddressCaps& the_caps) : AddressCount{the_caps} {}
    uint32_t open = 0;
    absl::string_view key;  // the map's
  };

  void Close(AddressCount* count) override;

  const uint32_t max_;
  mutable Mutex mutex_;
  absl::node_hash_map<std::string, Count> counts_ SPAWNER_GUARDED_BY(mutex_);
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_SHARED_ADDRESSES_H_
