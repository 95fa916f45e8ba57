#ifndef SPAWNER_TESTS_BENCH_ROUTE_SENDER_H_
#define SPAWNER_TESTS_BENCH_ROUTE_SENDER_H_

#include <grpcpp/grpcpp.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "spawner/v1/proxy_link.grpc.pb.h"

namespace spawner::bench {

// The controller's end of one proxy's link, with many open routes to the benchmark's backend, each
// by an address of its own. The first `hosts` are those that the load asks for.
// Thread: any; gRPC calls Connect on its own.
class RouteSender final : public v1::ProxyLink::Service {
 public:
  struct Options {
    int backend_port = 0;
    size_t hosts = 0;
    size_t routes = 0;
  };
  // From the beginning of a write until the proxy said that it has applied it.
  struct Sent {
    absl::Time at;
    absl::Duration acked_after;
  };

  explicit RouteSender(const Options& options);
  ~RouteSender() override;

  int port() const { return port_; }
  // DEADLINE_EXCEEDED: the proxy did not apply it in time, or there is none.
  absl::StatusOr<Sent> Add(size_t count);
  // `per_second` changes of routes that there are, kChangesPerMessage at once; returns how many a
  // second there really were.
  absl::StatusOr<double> Churn(double per_second, absl::Duration duration);
  // Cuts the link; the proxy dials again and gets the whole table.
  absl::StatusOr<Sent> Reconnect();

  using Stream = grpc::ServerReaderWriter<v1::ControllerMessage, v1::ProxyMessage>;
  grpc::Status Connect(grpc::ServerContext* context, Stream* stream) override;

  static constexpr int kChangesPerMessage = 10;

 private:
  v1::Route RouteOf(size_t number) const;
  v1::ControllerMessage Table() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t Write(v1::ControllerMessage& message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Sent> Await(uint64_t version, absl::Time at) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void BeatForEver();

  const Options options_;
  absl::Mutex mutex_;
  Stream* stream_ ABSL_GUARDED_BY(mutex_) = nullptr;
  grpc::ServerContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;
  size_t routes_ ABSL_GUARDED_BY(mutex_);
  uint64_t version_ ABSL_GUARDED_BY(mutex_) = 1;
  uint64_t applied_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_over_ ABSL_GUARDED_BY(mutex_) = false;
  std::mt19937 random_ ABSL_GUARDED_BY(mutex_){1};
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::thread heart_;
};

}  // namespace spawner::bench

#endif  // SPAWNER_TESTS_BENCH_ROUTE_SENDER_H_
