#ifndef SPAWNER_PROXY_IO_IO_RESULT_H_
#define SPAWNER_PROXY_IO_IO_RESULT_H_

#include <cstddef>
#include <cstdint>

namespace spawner::proxy {

// A socket of one Io: never negative; reused after Close.
struct Socket {
  int32_t number = -1;

  bool is_open() const { return number >= 0; }
  bool operator==(const Socket&) const = default;
};

struct IoResult {
  enum class Kind : uint8_t {
    kBytes,    // `size` bytes were moved
    kBlocked,  // none now: wait for the event
    kEnd,      // read only: the peer has sent its last byte
    kFailed,   // the connection is dead; `error` is the errno
  };
  Kind kind = Kind::kBlocked;
  size_t size = 0;
  int error = 0;

  bool is_bytes() const { return kind == Kind::kBytes; }
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_IO_IO_RESULT_H_
