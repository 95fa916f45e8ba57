#ifndef SPAWNER_CONTROLLER_API_HTTP_PORT_H_
#define SPAWNER_CONTROLLER_API_HTTP_PORT_H_

#include <memory>

#include "absl/status/status.h"
#include "base/address.h"
#include "controller/api/http_exchange.h"

namespace spawner::api {

// The controller's HTTP port: HTTP/1.1 with one thread of its own, on which `handler` lives.
// Connections, streams, heads, bodies and what waits for slow clients are bounded (limits.h).
// Thread: main's. Owner: main().
class HttpPort {
 public:
  explicit HttpPort(HttpHandler& handler);
  // Closes all connections and waits until the handler has finished.
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
