#ifndef SPAWNER_TESTS_BENCH_WEBSOCKET_H_
#define SPAWNER_TESTS_BENCH_WEBSOCKET_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

// The WebSocket frames that load and backend exchange: unfragmented, below 64 KiB (RFC 6455 5.2).
namespace spawner::bench {

struct FrameHeader {
  size_t header_size = 0;  // with the mask
  size_t payload_size = 0;
  int opcode = 0;
  unsigned char mask[4] = {0, 0, 0, 0};  // all zero: not masked

  size_t size() const { return header_size + payload_size; }
};

inline constexpr int kBinaryFrame = 2;
inline constexpr int kCloseFrame = 8;
inline constexpr size_t kFrameHeaderBytesMax = 8;

// Empty until the header is there. A length of 64 bits is given as its header alone with
// payload_size SIZE_MAX / 2, which fits in no buffer.
std::optional<FrameHeader> ReadFrameHeader(absl::string_view bytes);

// The header of an unmasked, final frame, written to `out`; returns its size.
size_t WriteFrameHeader(int opcode, size_t payload_size, char* out);

// A masked binary frame, as clients send it.
std::string MaskedFrame(absl::string_view payload);

// Sec-WebSocket-Accept for a key (RFC 6455 4.2.2).
std::string AcceptKey(absl::string_view key);

}  // namespace spawner::bench

#endif  // SPAWNER_TESTS_BENCH_WEBSOCKET_H_
