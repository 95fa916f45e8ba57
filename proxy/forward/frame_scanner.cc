#include "proxy/forward/frame_scanner.h"

#include <algorithm>

namespace spawner::proxy {

size_t FrameScanner::Scan(absl::string_view bytes, bool stops) {
  size_t taken = 0;
  while (taken < bytes.size()) {
    if (stops && is_at_boundary()) break;
    if (header_ == 0 && length_ > 0) {
      const size_t count = std::min<uint64_t>(length_, bytes.size() - taken);
      length_ -= count;
      taken += count;
      continue;
    }
    TakeHeaderByte(static_cast<uint8_t>(bytes[taken++]));
  }
  return taken;
}

void FrameScanner::TakeHeaderByte(uint8_t byte) {
  ++header_;
  if (header_ == 1) {
    has_closed_ = has_closed_ || (byte & 0x0f) == 0x8;
    return;
  }
  if (header_ == 2) {
    is_masked_ = (byte & 0x80) != 0;
    length_ = byte & 0x7f;
    length_bytes_ = length_ == 126 ? 2 : length_ == 127 ? 8 : 0;
    if (length_bytes_ > 0) length_ = 0;
  } else {
    length_ = length_ << 8 | byte;
  }
  if (header_ == 2 + length_bytes_) {
    // A nonsensical length near 2^64 must not wrap around to a boundary.
    length_ = std::min<uint64_t>(length_, UINT64_MAX - 4) + (is_masked_ ? 4 : 0);
    header_ = 0;
  }
}

}  // namespace spawner::proxy
