#ifndef SPAWNER_PROXY_IO_COUNTER_H_
#define SPAWNER_PROXY_IO_COUNTER_H_

#include <atomic>
#include <cstdint>

namespace spawner::proxy {

// Written by one thread, read by any. Atomic only so that a reader sees no torn value: a relaxed
// load and store is a plain move on every machine we run on.
class Counter {
 public:
  void Add(int64_t amount = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_IO_COUNTER_H_
