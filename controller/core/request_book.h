#ifndef SPAWNER_CONTROLLER_CORE_REQUEST_BOOK_H_
#define SPAWNER_CONTROLLER_CORE_REQUEST_BOOK_H_

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "controller/core/service.h"

namespace spawner::core {

// Same request id and payload: the same answer, for kRequestMemory. Errors are not remembered. The
// oldest that have one are dropped beyond kRequestsMax.
// Thread: the loop's. Owner: Core.
class RequestBook {
 public:
  // Takes part in a request: true if it is new and the caller has to Answer it. False: it was, or
  // will be, answered, as another payload with INVALID_ARGUMENT / REQUEST_ID_REUSED.
  bool Enter(const ConnectParams& params, Instant now, Service::ConnectDone done);
  // Gives the answer to all that entered with it.
  void Answer(const ConnectParams& params, const absl::StatusOr<ConnectResult>& result);

  size_t size() const { return entries_.size(); }

 private:
  using Key = std::pair<std::string, std::string>;  // namespace, request id
  struct Entry {
    std::string payload_hash;
    std::optional<ConnectResult> result;
    std::vector<Service::ConnectDone> waiting;
    uint64_t serial = 0;
  };
  struct Age {
    Key key;
    uint64_t serial = 0;
    Instant until;
  };

  void DropOld(Instant now);

  absl::flat_hash_map<Key, Entry> entries_;
  std::deque<Age> ages_;
  uint64_t last_serial_ = 0;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_REQUEST_BOOK_H_
