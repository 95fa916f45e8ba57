#ifndef SPAWNER_TESTS_BENCH_FLOOR_RELAY_H_
#define SPAWNER_TESTS_BENCH_FLOOR_RELAY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/bench/poller.h"
#include "tests/bench/sockets.h"

namespace spawner::bench {

// The floor of the benchmark: what it costs on this machine to pass bytes on at all. Each client
// connection gets one upstream connection of its own; nothing is parsed, so every other proxy does
// more. One read and one write for what arrives; the rest of a blocked write is kept and its source
// is not read meanwhile; half-close is passed on.
// Thread: the one that calls Turn. Owner: main or a test.
class FloorRelay {
 public:
  struct Counters {
    uint64_t connections = 0;  // ever
    uint64_t bytes = 0;        // both ways
    uint64_t failed = 0;       // pairs that ended by an error
  };

  // Port 0: any. UNAVAILABLE if it is taken.
  static absl::StatusOr<std::unique_ptr<FloorRelay>> Listen(uint16_t port, uint16_t upstream_port);
  ~FloorRelay();

  uint16_t port() const { return PortOf(listener_); }
  const Counters& counters() const { return counters_; }
  size_t pairs() const { return pair_count_; }

  // Waits for events, `wait_ns` at most, and serves them.
  void Turn(int64_t wait_ns);

 private:
  struct Pair;
  struct Side;

  FloorRelay(Fd listener, uint16_t upstream_port);
  void AcceptAll();
  void OnEvent(Side& side, uint32_t events);
  // False: the pair is broken.
  bool Flush(Side& side);
  bool Pass(Side& source);
  void Watch(Side& side);
  void End(Pair& pair);

  Fd listener_;
  const uint16_t upstream_port_;
  Poller poller_;
  Counters counters_;
  size_t pair_count_ = 0;
  std::vector<std::unique_ptr<Pair>> pairs_;  // by the client's descriptor
  // Both sides of a pair may have an event in one turn: it is destroyed after the turn.
  std::vector<std::unique_ptr<Pair>> ended_;
  std::string scratch_;
};

}  // namespace spawner::bench

#endif  // SPAWNER_TESTS_BENCH_FLOOR_RELAY_H_
