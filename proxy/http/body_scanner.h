#ifndef SPAWNER_PROXY_HTTP_BODY_SCANNER_H_
#define SPAWNER_PROXY_HTTP_BODY_SCANNER_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "proxy/http/head.h"

namespace spawner::proxy {

// Finds where a body ends while its bytes pass through unchanged, in pieces of any size.
// A chunked body is checked byte by byte (RFC 9112 7.1): what a lenient peer could read in another
// way is an error. 40 bytes of state.
class BodyScanner {
 public:
  struct Result {
    size_t taken = 0;  // bytes that belong to the body; what follows belongs to the next message
    bool is_valid = true;  // false: the framing is broken
  };

  BodyScanner() = default;
  // `refuses`: trailer fields of these names break the body; nullptr: any name passes.
  explicit BodyScanner(BodyFraming framing, bool (*refuses)(absl::string_view name) = nullptr);

  // Appends the payload to `*payload` as well, if given, and to `*trailers` the lines that follow a
  // chunked body, the empty one included.
  Result Scan(absl::string_view bytes, std::string* payload = nullptr,
              std::string* trailers = nullptr);
  // The connection ended: only a body that lasts until then is done now.
  void OnEnd() {
    if (kind_ == BodyKind::kUntilClose) is_done_ = true;
  }
  bool is_done() const { return is_done_; }
  // So many bytes are payload and nothing else, whatever they are; 0: only Scan can tell.
  uint64_t payload_ahead() const {
    const bool is_counted =
        kind_ == BodyKind::kLength || (kind_ == BodyKind::kChunked && chunk_ == Chunk::kData);
    return is_counted && !is_done_ ? left_ : 0;
  }
  // They have passed, at most payload_ahead(), and nobody looked at them.
  void Skip(uint64_t size) {
    left_ -= size;
    if (left_ == 0) EndPayload();
  }
  BodyKind kind() const { return kind_; }

 private:
  enum class Chunk : uint8_t {
    kSize,
    kExtension,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailerStart,
    kTrailerName,
    kTrailerValue,
    kTrailerLf,
    kLastLf,
  };

  void EndPayload();
  bool StepChunked(char c);
  bool StepSize(char c);
  bool StepTrailer(char c);
  bool EndTrailerName();

  BodyKind kind_ = BodyKind::kNone;
  Chunk chunk_ = Chunk::kSize;
  bool is_done_ = true;
  uint8_t digits_ = 0;
  uint8_t name_size_ = 0;
  uint16_t counted_ = 0;  // extension bytes of this chunk, then trailer bytes
  uint64_t left_ = 0;     // of the body, or of this chunk
  bool (*refuses_)(absl::string_view) = nullptr;
  char name_[24];  // the beginning of the trailer field's name
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_HTTP_BODY_SCANNER_H_
