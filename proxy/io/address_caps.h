#ifndef SPAWNER_PROXY_IO_ADDRESS_CAPS_H_
#define SPAWNER_PROXY_IO_ADDRESS_CAPS_H_

#include <memory>
#include <optional>

#include "absl/strings/string_view.h"

namespace spawner::proxy {

class AddressCaps;

// One address that has connections open.
struct AddressCount {
  AddressCaps& caps;
};
struct CloseAddress {
  void operator()(AddressCount* count) const;
};
// A connection's place in the count of its address: given up by its destructor. Null: not counted.
using AddressSlot = std::unique_ptr<AddressCount, CloseAddress>;

// How many connections each client address has open in the whole process.
// Thread: any. Owner: Fleet; a test's own. Outlives every slot.
class AddressCaps {
 public:
  virtual ~AddressCaps() = default;
  // Nothing: the address has as many as it may.
  virtual std::optional<AddressSlot> TryOpen(absl::string_view ip) = 0;

 private:
  friend struct CloseAddress;
  virtual void Close(AddressCount* count) = 0;
};

inline void CloseAddress::operator()(AddressCount* count) const { count->caps.Close(count); }

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_IO_ADDRESS_CAPS_H_
