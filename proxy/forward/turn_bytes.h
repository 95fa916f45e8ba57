#ifndef SPAWNER_PROXY_FORWARD_TURN_BYTES_H_
#define SPAWNER_PROXY_FORWARD_TURN_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "proxy/forward/limits.h"
#include "proxy/io/limits.h"

namespace spawner::proxy {

// What a worker has moved of bodies and tunnels in this part of its turn. Once that is
// kBytesPerTurn the rest waits for the next turn: many who upload at once hold nobody else up.
// Thread: its worker's. Owner: Workbench.
class TurnBytes {
 public:
  void Begin() { moved_ = 0; }
  void Add(size_t bytes) { moved_ += bytes; }
  bool is_full() const { return moved_ >= kBytesPerTurn; }

  // How much to read at once.
  size_t ReadSize() const { return is_full() ? kBytesOverTurn : kScratchBytes; }
  // What is long waits once it is full; what may be short does after one small read. `ahead`: so
  // much will come for certain; `round`: of the reads for one event.
  bool MayRead(uint64_t ahead, int round) const {
    return !is_full() || (round == 0 && ahead < kSpliceBytesMin);
  }

  // A part for those of earlier ones that have work left, in order, as far as the bytes reach; the
  // others stay.
  template <typename T>
  void RunLaters(std::vector<T*>* later) {
    Begin();
    const std::vector<T*> waiting = std::exchange(*later, {});
    auto next = waiting.begin();
    while (next != waiting.end() && !is_full()) (*next++)->OnMore();
    later->insert(later->begin(), next, waiting.end());
  }

 private:
  size_t moved_ = 0;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_TURN_BYTES_H_
