#ifndef SPAWNER_DEPLOY_EXAMPLES_SERVER_CONNECTION_H_
#define SPAWNER_DEPLOY_EXAMPLES_SERVER_CONNECTION_H_

#include <map>
#include <memory>
#include <set>
#include <utility>  // IWYU pragma: keep: Asio 1.74 needs it

#include "boost/asio/awaitable.hpp"
#include "boost/asio/ip/tcp.hpp"
#include "deploy/examples/server/http.h"

namespace spawner::examples {

// What a stopping server must reach. Connections enter and leave by themselves.
struct OpenConnections {
  bool is_stopping = false;
  std::set<boost::asio::ip::tcp::socket*> idle;  // waiting for a request
  std::map<WebSocket*, std::weak_ptr<WebSocket>> websockets;
};

// Serves requests on `socket` until it is over. `handler` and `open` outlive it.
boost::asio::awaitable<void> ServeConnection(boost::asio::ip::tcp::socket socket,
                                             const Handler& handler, OpenConnections& open);

}  // namespace spawner::examples

#endif  // SPAWNER_DEPLOY_EXAMPLES_SERVER_CONNECTION_H_
