#ifndef SPAWNER_PROXY_ROUTE_CONNECTION_CAPS_H_
#define SPAWNER_PROXY_ROUTE_CONNECTION_CAPS_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace spawner::proxy {

// How much each capped session has open in the whole process. Asked only for sessions that have a
// cap, so that the others pay nothing for one.
// Thread: any. Owner: Fleet; a test's own.
class ConnectionCaps {
 public:
  virtual ~ConnectionCaps() = default;
  // False: `max` are open. Else one more is, until Close.
  virtual bool TryOpen(absl::string_view session_id, uint32_t max) = 0;
  virtual void Close(absl::string_view session_id) = 0;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_ROUTE_CONNECTION_CAPS_H_
