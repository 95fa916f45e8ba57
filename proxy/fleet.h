#ifndef SPAWNER_PROXY_FLEET_H_
#define SPAWNER_PROXY_FLEET_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/address.h"
#include "base/clock.h"
#include "proxy/forward/access_log.h"
#include "proxy/forward/counters.h"
#include "proxy/forward/inspection.h"
#include "proxy/forward/workbench.h"
#include "proxy/forward/worker.h"
#include "proxy/io/descriptors.h"
#include "proxy/io/epoll_io.h"
#include "proxy/route/authorizer.h"
#include "proxy/route/route.h"
#include "proxy/route/token_use.h"
#include "proxy/route/worker_reports.h"
#include "proxy/shared_addresses.h"
#include "proxy/shared_caps.h"
#include "proxy/tls/material.h"
#include "proxy/tls/tls_counters.h"
#include "proxy/tls/tls_io.h"

namespace spawner::proxy {

// The workers and their threads. Thread: main. Owner: main.
class Fleet {
 public:
  struct Options {
    int workers = 1;
    Address listen;
    std::optional<Address> tls_listen;
    std::optional<TlsMaterial> tls;  // with tls_listen
    bool has_proxy_header = false;   // on both, from forward.trusted_proxies
    ForwardOptions forward;
    uint32_t connections_per_address = 0;  // zero: no limit
    absl::Duration dead_peer_timeout = kDeadPeerTimeout;
    Descriptors::Bounds descriptors;
    AccessSink* access_sink = nullptr;  // null: no access log
    double access_sample = 1;
  };

  struct Bound {
    Address plain;
    std::optional<Address> tls;
  };

  explicit Fleet(Options options);
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  // Opens all listeners, then starts the threads; returns the addresses. Codes as Io::Listen.
  // `make_authorizer` is called once per worker; null allows every request.
  absl::StatusOr<Bound> Start(const Clock& clock, WorkerReports& reports,
                              absl::FunctionRef<std::unique_ptr<Authorizer>()> make_authorizer);
  void Post(const RouteChange& change);
  void Post(const LinkState& state);
  void Post(int worker, const TokenUseAnswer& answer);
  // For handshakes from now on. INVALID_ARGUMENT never: it was tried before.
  void Post(const TlsMaterial& material);
  void Drain(absl::Duration patience);
  // Ends the threads.
  void Stop();

  // Every worker replies; returns how many.
  size_t Inspect(const InspectOrder& order);
  size_t workers() const { return members_.size(); }
  const Counters& counters(size_t worker) const { return members_[worker].worker->counters(); }
  // CPU time of its thread so far.
  absl::Duration CpuTime(size_t worker) const;

  // The sum over the workers of one of their counters.
  int64_t Sum(absl::FunctionRef<int64_t(const Counters&)> counter) const;
  // Bytes that the connections of all workers hold.
  int64_t held_bytes() const;
  const Descriptors& descriptors() const { return descriptors_; }
  int64_t SumTls(absl::FunctionRef<int64_t(const TlsCounters&)> counter) const;

 private:
  struct Member {
    std::unique_ptr<EpollIo> io;
    std::unique_ptr<TlsIo> tls;  // null: neither TLS nor PROXY headers
    std::unique_ptr<Worker> worker;
    std::thread thread;
    std::thread::native_handle_type handle{};
  };

  absl::StatusOr<Member> Make(int index, const Clock& clock, WorkerReports& reports,
                              std::unique_ptr<Authorizer> authorizer, Bound* bound);

  const Options options_;
  // These outlive the workers.
  Descriptors descriptors_;
  SharedCaps caps_;
  SharedCaps held_;
  SharedAddresses addresses_;
  std::vector<Member> members_;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FLEET_H_
