#ifndef SPAWNER_PROXY_FORWARD_ACCESS_LOG_H_
#define SPAWNER_PROXY_FORWARD_ACCESS_LOG_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "base/clock.h"
#include "base/random.h"
#include "proxy/forward/access_record.h"
#include "proxy/forward/counters.h"

namespace spawner::proxy {

class Tunnel;

// Where lines go: a file, written by a thread of its own.
// Thread: any. Owner: main; outlives the workers.
class AccessSink {
 public:
  virtual ~AccessSink() = default;
  // Whole lines, `count` of them. False: it has too much to write already, they are lost.
  virtual bool Take(std::string lines, int64_t count) = 0;
};

// One worker's part of the access log: renders lines into a buffer that goes to the sink when it is
// full or kAccessFlushInterval old, so that a request costs no system call and no lock.
// Thread: its worker's. Owner: Worker.
class AccessLog {
 public:
  // Of `sample` in 1 the requests are logged. The references outlive it.
  AccessLog(AccessSink& sink, double sample, const Clock& clock, Counters& counters, uint64_t seed)
      : sink_(sink), sample_(sample), clock_(clock), counters_(counters), random_(seed) {}

  // For one request, whose head is there now. Null: it is not among those that are logged.
  std::unique_ptr<AccessRecord> Begin();
  void Write(const AccessRecord& record);

  // A request that goes on as a tunnel: the record stays here, since a tunnel is kept small.
  void Keep(const Tunnel& tunnel, std::unique_ptr<AccessRecord> record);
  AccessRecord& Of(const Tunnel& tunnel) { return *tunnels_.at(&tunnel); }
  void WriteAndForget(const Tunnel& tunnel);

  // At the end of each turn; `is_last`: there may be no other.
  void EndTurn(Instant now, bool is_last);
  // When EndTurn has something to do, though nothing happens.
  Instant next_flush() const;

 private:
  void Flush();

  AccessSink& sink_;
  const double sample_;
  const Clock& clock_;
  Counters& counters_;
  SeededRandom random_;
  std::string lines_;
  int64_t count_ = 0;  // of lines_
  Instant oldest_ = Instant::Infinite();
  absl::flat_hash_map<const Tunnel*, std::unique_ptr<AccessRecord>> tunnels_;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_ACCESS_LOG_H_
