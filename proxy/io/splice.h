#ifndef SPAWNER_PROXY_IO_SPLICE_H_
#define SPAWNER_PROXY_IO_SPLICE_H_

#include <cstddef>

#include "proxy/io/io_result.h"

namespace spawner::proxy {

// Bytes on their way from one socket to another that never pass through our memory: a pipe of the
// kernel (splice(2)). Long bodies only: see kSpliceBytesMin.
// Thread: the loop of its Io. Owner: Stream, of the socket that it is drained to.
class Splice {
 public:
  virtual ~Splice() = default;
  // Takes up to `size` bytes that have come, as Io::Read. kFailed with EINVAL: not of this socket.
  // Nothing is held yet.
  virtual IoResult Fill(Socket from, size_t size) = 0;
  // Writes what is held, as Io::Write.
  virtual IoResult Drain(Socket to) = 0;
  virtual size_t held() const = 0;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_IO_SPLICE_H_
