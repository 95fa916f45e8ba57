#ifndef SPAWNER_PROXY_FORWARD_FRAME_SCANNER_H_
#define SPAWNER_PROXY_FORWARD_FRAME_SCANNER_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace spawner::proxy {

// Finds the boundaries of WebSocket frames (RFC 6455 5.2) in bytes that pass by: only lengths are
// read, never payloads. So that a close frame of our own does not land within another frame.
class FrameScanner {
 public:
  // Takes all bytes; or, with `stops`, those up to the next boundary (none if it is at one).
  size_t Scan(absl::string_view bytes, bool stops);
  bool is_at_boundary() const { return header_ == 0 && length_ == 0; }
  // A close frame has begun: the side that sent it sends no more.
  bool has_closed() const { return has_closed_; }

 private:
  void TakeHeaderByte(uint8_t byte);

  // Bytes left of this frame, its mask included; within its header the length as far as known.
  uint64_t length_ = 0;
  uint8_t header_ = 0;  // bytes of the header taken
  uint8_t length_bytes_ = 0;
  bool is_masked_ = false;
  bool has_closed_ = false;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_FRAME_SCANNER_H_
