#include "controller/local/ip_pool.h"

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "controller/local/limits.h"

namespace spawner::local {
namespace {

constexpr uint32_t kFirst = 127u << 24 | 64u << 16;  // 127.64.0.0
static_assert(kObjectsMax < (1u << 22) / 2, "Take would search long, or forever");
static_assert(kProcessesMax < (1u << 16) / 2, "the same within a region");

}  // namespace

std::string IpPool::Take() {
  for (uint32_t tries = 0; tries < count_; ++tries) {
    const uint32_t offset = next_;
    next_ = (next_ + 1) % count_;
    const uint32_t last = offset & 0xff;
    if (last == 0 || last == 255) continue;  // they look like networks and broadcasts
    const uint32_t ip = kFirst + first_ + offset;
    std::string text = absl::StrCat(ip >> 24, ".", ip >> 16 & 0xff, ".", ip >> 8 & 0xff, ".", last);
    if (taken_.insert(text).second) return text;
  }
  SPAWNER_CHECK(false && "more pods than addresses");
  return "";
}

void IpPool::Return(const std::string& ip) { taken_.erase(ip); }

}  // namespace spawner::local
