#ifndef SPAWNER_PROXY_FLEET_H_
#define SPAWNER_PROXY_FLEET_H_

#include <memory>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/address.h"
#include "base/clock.h"
#include "proxy/forward/counters.h"
#include "proxy/forward/workbench.h"
#include "proxy/forward/worker.h"
#include "proxy/io/epoll_io.h"
#include "proxy/route/authorizer.h"
#include "proxy/route/route.h"
#include "proxy/route/worker_reports.h"

namespace spawner::proxy {

// The workers and their threads. Thread: main. Owner: main.
class Fleet {
 public:
  struct Options {
    int workers = 1;
    Address listen;
    ForwardOptions forward;
  };

  Fleet() = default;
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  // Opens all listeners, then starts the threads; returns the address. Codes as Io::Listen.
  // `make_authorizer` is called once per worker; null allows every request.
  absl::StatusOr<Address> Start(const Options& options, const Clock& clock, WorkerReports& reports,
                                absl::FunctionRef<std::unique_ptr<Authorizer>()> make_authorizer);
  void Post(const RouteChange& change);
  void Post(const LinkState& state);
  void Drain(absl::Duration patience);
  // Ends the threads.
  void Stop();

  // The sum over the workers of one of their counters.
  int64_t Sum(absl::FunctionRef<int64_t(const Counters&)> counter) const;

 private:
  struct Member {
    std::unique_ptr<EpollIo> io;
    std::unique_ptr<Worker> worker;
    std::thread thread;
  };
  std::vector<Member> members_;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FLEET_H_
