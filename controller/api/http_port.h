#ifndef SPAWNER_CONTROLLER_API_HTTP_PORT_H_
#define SPAWNER_CONTROLLER_API_HTTP_PORT_H_

#include <memory>

#include "absl/status/status.h"
#include "base/address.h"
#include "controller/api/edge.h"

namespace spawner::api {

// The controller's HTTP port, for machines: GET /healthz (the loop turns), /readyz (with the
// reasons if it is not), /metrics. One thread of its own; every answer is made on the loop. Thread:
// main's. Owner: main().
class HttpPort {
 public:
  explicit HttpPort(Edge& edge);
  // Closes all connections. Answers that are still on their way from the loop are dropped.
  ~HttpPort();
  HttpPort(const HttpPort&) = delete;
  HttpPort& operator=(const HttpPort&) = delete;

  // FAILED_PRECONDITION if the address can't be bound, such as a port in use.
  absl::Status Start(const Address& address);
  int port() const;

 private:
  class Listener;
  std::unique_ptr<Listener> listener_;
};

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_HTTP_PORT_H_
