#ifndef SPAWNER_TESTS_BENCH_POLLER_H_
#define SPAWNER_TESTS_BENCH_POLLER_H_

#include <sys/epoll.h>

#include <cstdint>

#include "absl/types/span.h"
#include "tests/bench/limits.h"
#include "tests/bench/sockets.h"

namespace spawner::bench {

// Level-triggered epoll for one thread. An owner has one descriptor here, so it meets at most one
// event per wait and may destroy itself there.
class Poller {
 public:
  static constexpr int64_t kForever = -1;

  Poller();  // fails a CHECK if the kernel gives no epoll instance

  void Add(const Fd& fd, uint32_t events, void* owner);
  void Change(const Fd& fd, uint32_t events, void* owner);
  void Remove(const Fd& fd);

  // Waits `wait_ns` at most (kForever: as long as it takes) and gives the events; data.ptr is the
  // owner. Valid until the next call.
  absl::Span<const epoll_event> Wait(int64_t wait_ns);

 private:
  Fd epoll_;
  epoll_event events_[kEventsPerWait];
};

}  // namespace spawner::bench

#endif  // SPAWNER_TESTS_BENCH_POLLER_H_
