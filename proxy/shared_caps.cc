#include "proxy/shared_caps.h"

#include "base/check.h"

namespace spawner::proxy {

bool SharedCaps::TryOpen(absl::string_view session_id, uint32_t max) {
  const MutexLock lock(mutex_);
  const auto it = open_.find(session_id);
  const uint32_t open = it == open_.end() ? 0 : it->second;
  if (open >= max) return false;
  if (it == open_.end()) {
    open_.emplace(std::string(session_id), 1);
  } else {
    ++it->second;
  }
  return true;
}

void SharedCaps::Close(absl::string_view session_id) {
  const MutexLock lock(mutex_);
  const auto it = open_.find(session_id);
  SPAWNER_CHECK(it != open_.end());
  if (--it->second == 0) open_.erase(it);
}

size_t SharedCaps::sessions() const {
  const MutexLock lock(mutex_);
  return open_.size();
}

}  // namespace spawner::proxy
