#include "tests/bench/request_text.h"

#include "absl/strings/str_cat.h"
#include "tests/bench/limits.h"
#include "tests/bench/websocket.h"

namespace spawner::bench {
namespace {

constexpr int kHostDigits = 4;
constexpr absl::string_view kUpgradeFields =
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

std::string Fields(const LoadOptions& options) {
  if (options.kind != LoadOptions::Kind::kHttp) return std::string(kUpgradeFields);
  std::string fields;
  if (options.upload_bytes > 0) {
    absl::StrAppend(&fields, "Content-Length: ", options.upload_bytes, "\r\n");
  }
  if (options.is_one_shot) absl::StrAppend(&fields, "Connection: close\r\n");
  return fields;
}

}  // namespace

RequestText::RequestText(const LoadOptions& options) {
  const absl::string_view method = options.upload_bytes > 0 ? "POST " : "GET ";
  head_ = absl::StrCat(method, options.path, " HTTP/1.1\r\nHost: s");
  host_digits_ = head_.size();
  absl::StrAppend(&head_, "0000.example.test\r\nUser-Agent: spawner-bench\r\nAccept: */*\r\n",
                  Fields(options), "\r\n");

  std::string payload;
  for (size_t i = 0; i < options.message_bytes; ++i) payload += static_cast<char>('a' + i % 26);
  message_ = MaskedFrame(payload);
  char header[kFrameHeaderBytesMax];
  echo_.assign(header, WriteFrameHeader(kBinaryFrame, payload.size(), header));
  echo_ += payload;
  if (options.upload_bytes > 0) upload_.assign(kScratchBytes, 'p');
}

absl::string_view RequestText::Head(int host) {
  for (size_t i = kHostDigits; i > 0; --i) {
    head_[host_digits_ + i - 1] = static_cast<char>('0' + host % 10);
    host /= 10;
  }
  return head_;
}

}  // namespace spawner::bench
