#ifndef SPAWNER_PROXY_IO_DESCRIPTORS_H_
#define SPAWNER_PROXY_IO_DESCRIPTORS_H_

#include <atomic>
#include <cstdint>

#include "absl/status/statusor.h"

namespace spawner::proxy {

// How many sockets all workers have open, pipes between them too, and how many they may. Clients
// are not accepted while fewer than the reserve are free, so that those who are in still reach
// their backends. Thread: any. Owner: main; outlives every EpollIo.
class Descriptors {
 public:
  struct Bounds {
    int64_t max = INT64_MAX;
    int64_t reserved = 0;  // of them
  };

  explicit Descriptors(Bounds bounds) : bounds_(bounds) {}
  Descriptors(const Descriptors&) = delete;
  Descriptors& operator=(const Descriptors&) = delete;

  // Asked before and counted after: workers that ask at the same moment go beyond by one each.
  bool has_room() const { return open() < bounds_.max; }
  bool has_room_for_client() const { return open() < bounds_.max - bounds_.reserved; }
  void Opened(int64_t count = 1) { open_.fetch_add(count, std::memory_order_relaxed); }
  void Closed(int64_t count = 1) { open_.fetch_sub(count, std::memory_order_relaxed); }

  int64_t open() const { return open_.load(std::memory_order_relaxed); }
  int64_t max() const { return bounds_.max; }

  // What `workers` may have of the limit of open files. `reserved` zero: an eighth, at most
  // kReservedDescriptors. FAILED_PRECONDITION: the limit is too low, INVALID_ARGUMENT: more than
  // half of it is reserved.
  static absl::StatusOr<Bounds> Share(int64_t file_limit, int workers, int64_t reserved);

 private:
  const Bounds bounds_;
  // Atomic: workers share one count. Relaxed: it orders nothing else.
  std::atomic<int64_t> open_{0};
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_IO_DESCRIPTORS_H_
