#ifndef SPAWNER_CONTROLLER_API_GRPC_PORT_H_
#define SPAWNER_CONTROLLER_API_GRPC_PORT_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/address.h"
#include "base/grpc_security.h"
#include "controller/api/edge.h"
#include "controller/api/limits.h"

namespace grpc {
class Channel;
class Server;
class Service;
}  // namespace grpc

namespace spawner::api {

// The gRPC port: every service of the contract, grpc.health.v1 and server reflection.
// Thread: Start and Drain on main's; the loop must turn while Drain waits. Owner: main().
class GrpcPort {
 public:
  explicit GrpcPort(Edge& edge);
  ~GrpcPort();
  GrpcPort(const GrpcPort&) = delete;
  GrpcPort& operator=(const GrpcPort&) = delete;

  // FAILED_PRECONDITION if the address can't be bound, such as a port in use.
  // `tls` was checked.
  absl::Status Start(const Address& address, const TlsServerFiles& tls = {},
                     absl::Duration connection_age_max = kConnectionAgeMax);
  int port() const { return port_; }  // the bound one, for address port 0

  // What grpc.health.v1 says of the server and of each service. Any thread.
  void SetServing(bool is_serving);

  // Takes no new call, lets those in flight be answered until `timeout` is over, cancels the rest,
  // and waits until all are done. Not on the loop's thread: their answers come from there.
  void Drain(absl::Duration timeout);

  // A client in this process: the HTTP port. Once started.
  std::shared_ptr<grpc::Channel> InProcessChannel();

 private:
  std::unique_ptr<grpc::Service> sessions_;
  std::unique_ptr<grpc::Service> templates_;
  std::unique_ptr<grpc::Service> admin_;
  std::unique_ptr<grpc::Service> proxy_link_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_GRPC_PORT_H_
