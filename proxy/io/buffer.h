#ifndef SPAWNER_PROXY_IO_BUFFER_H_
#define SPAWNER_PROXY_IO_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/strings/string_view.h"

namespace spawner::proxy {

// Bytes that could not be dealt with at once: a partial head, or the rest of a blocked write.
// Owns no memory while empty, so an idle connection costs only the object here.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&&) = default;
  Buffer& operator=(Buffer&&) = default;

  bool empty() const { return begin_ == end_; }
  size_t size() const { return end_ - begin_; }
  absl::string_view view() const { return {bytes_.get() + begin_, size()}; }

  void Append(absl::string_view bytes);
  // Removes the first `count` bytes, at most size(). Frees the memory with the last one.
  void Consume(size_t count);
  void Clear() { Consume(size()); }

 private:
  std::unique_ptr<char[]> bytes_;
  uint32_t begin_ = 0;
  uint32_t end_ = 0;
  uint32_t capacity_ = 0;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_IO_BUFFER_H_
