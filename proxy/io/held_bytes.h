#ifndef SPAWNER_PROXY_IO_HELD_BYTES_H_
#define SPAWNER_PROXY_IO_HELD_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "proxy/io/counter.h"

namespace spawner::proxy {

// Memory that is in no Buffer, counted until its owner goes. `counter` is Io::held_bytes(); null:
// nobody counts.
class HeldBytes {
 public:
  explicit HeldBytes(Counter* counter, size_t bytes = 0) : counter_(counter) { Set(bytes); }
  ~HeldBytes() { Set(0); }
  HeldBytes(HeldBytes&& other) noexcept
      : counter_(other.counter_), bytes_(std::exchange(other.bytes_, 0)) {}
  HeldBytes& operator=(HeldBytes&& other) noexcept {
    Set(0);
    counter_ = other.counter_;
    bytes_ = std::exchange(other.bytes_, 0);
    return *this;
  }

  // All of it, from now on.
  void Set(size_t bytes) {
    const int64_t now = static_cast<int64_t>(bytes);
    if (counter_ != nullptr && now != bytes_) counter_->Add(now - bytes_);
    bytes_ = now;
  }

 private:
  Counter* counter_;
  int64_t bytes_ = 0;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_IO_HELD_BYTES_H_
