#ifndef SPAWNER_PROXY_HTTP_HEAD_SCANNER_H_
#define SPAWNER_PROXY_HTTP_HEAD_SCANNER_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "proxy/http/limits.h"

namespace spawner::proxy {

// Finds the end of a head, which may come in any number of pieces, looking at each byte once.
//   HeadScanner scanner;
//   while (scanner.Scan(bytes) == HeadScanner::State::kIncomplete) bytes = ReadMore();
class HeadScanner {
 public:
  enum class State : uint8_t {
    kIncomplete,
    kComplete,  // the first size() bytes are a head, its empty line included
    kBareLf,    // RFC 9112 2.2 lets it pass; we don't: peers disagree about it
    kTooLong,   // no end within `max`
  };

  // `bytes` begins with the head and holds all that was given before.
  State Scan(absl::string_view bytes, size_t max = kHeadBytesMax);
  size_t size() const { return scanned_; }
  // The first line has ended.
  bool has_line() const { return line_start_ > 0; }

 private:
  uint32_t scanned_ = 0;
  uint32_t line_start_ = 0;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_HTTP_HEAD_SCANNER_H_
