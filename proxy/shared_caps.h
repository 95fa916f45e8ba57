#ifndef SPAWNER_PROXY_SHARED_CAPS_H_
#define SPAWNER_PROXY_SHARED_CAPS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "base/thread_annotations.h"
#include "proxy/route/connection_caps.h"

namespace spawner::proxy {

// The counts of all workers, under one lock that is held for a look-up. As many as capped sessions
// have something open.
// Thread: any. Owner: Fleet.
class SharedCaps final : public ConnectionCaps {
 public:
  bool TryOpen(absl::string_view session_id, uint32_t max) override;
  void Close(absl::string_view session_id) override;
  size_t sessions() const;

 private:
  mutable Mutex mutex_;
  absl::flat_hash_map<std::string, uint32_t> open_ SPAWNER_GUARDED_BY(mutex_);
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_SHARED_CAPS_H_
