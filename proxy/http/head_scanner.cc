#include "proxy/http/head_scanner.h"

#include <algorithm>
#include <cstring>

namespace spawner::proxy {

HeadScanner::State HeadScanner::Scan(absl::string_view bytes, size_t max) {
  const size_t limit = std::min(bytes.size(), max);
  while (scanned_ < limit) {
    const void* found = std::memchr(bytes.data() + scanned_, '\n', limit - scanned_);
    if (found == nullptr) {
      scanned_ = static_cast<uint32_t>(limit);
      break;
    }
    const auto at = static_cast<uint32_t>(static_cast<const char*>(found) - bytes.data());
    if (at == line_start_ || bytes[at - 1] != '\r') return State::kBareLf;
    const bool is_empty_line = at == line_start_ + 1;
    scanned_ = line_start_ = at + 1;
    if (is_empty_line) return State::kComplete;
  }
  return bytes.size() >= max ? State::kTooLong : State::kIncomplete;
}

}  // namespace spawner::proxy
