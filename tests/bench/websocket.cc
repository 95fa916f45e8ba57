#include "tests/bench/websocket.h"

#include <openssl/evp.h>

#include <cstdint>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace spawner::bench {
namespace {

constexpr unsigned char kFinal = 0x80;
constexpr unsigned char kMasked = 0x80;
constexpr size_t kLength16 = 126;  // two bytes of length follow
constexpr size_t kLength64 = 127;

}  // namespace

std::optional<FrameHeader> ReadFrameHeader(absl::string_view bytes) {
  const auto byte = [bytes](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  if (bytes.size() < 2) return std::nullopt;
  FrameHeader header{.header_size = 2, .opcode = byte(0) & 0x0f};
  header.payload_size = byte(1) & 0x7f;
  if (header.payload_size == kLength64) {
    header.payload_size = SIZE_MAX / 2;
    return header;
  }
  if (header.payload_size == kLength16) {
    if (bytes.size() < 4) return std::nullopt;
    header.header_size = 4;
    header.payload_size = static_cast<size_t>(byte(2)) << 8 | byte(3);
  }
  if ((byte(1) & kMasked) != 0) {
    if (bytes.size() < header.header_size + 4) return std::nullopt;
    for (size_t i = 0; i < 4; ++i) header.mask[i] = byte(header.header_size + i);
    header.header_size += 4;
  }
  return header;
}

size_t WriteFrameHeader(int opcode, size_t payload_size, char* out) {
  out[0] = static_cast<char>(kFinal | opcode);
  if (payload_size < kLength16) {
    out[1] = static_cast<char>(payload_size);
    return 2;
  }
  SPAWNER_CHECK(payload_size <= UINT16_MAX);
  out[1] = kLength16;
  out[2] = static_cast<char>(payload_size >> 8);
  out[3] = static_cast<char>(payload_size);
  return 4;
}

std::string MaskedFrame(absl::string_view payload) {
  const unsigned char mask[4] = {0x11, 0x22, 0x33, 0x44};
  char header[kFrameHeaderBytesMax];
  const size_t header_size = WriteFrameHeader(kBinaryFrame, payload.size(), header);
  header[1] = static_cast<char>(header[1] | kMasked);
  std::string frame(header, header_size);
  frame.append(reinterpret_cast<const char*>(mask), sizeof(mask));
  for (size_t i = 0; i < payload.size(); ++i) {
    frame.push_back(static_cast<char>(payload[i] ^ mask[i % 4]));
  }
  return frame;
}

std::string AcceptKey(absl::string_view key) {
  const std::string text = absl::StrCat(key, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  SPAWNER_CHECK(EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha1(), nullptr) == 1);
  return absl::Base64Escape({reinterpret_cast<const char*>(digest), size});
}

}  // namespace spawner::bench
