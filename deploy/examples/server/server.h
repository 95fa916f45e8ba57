#ifndef SPAWNER_DEPLOY_EXAMPLES_SERVER_SERVER_H_
#define SPAWNER_DEPLOY_EXAMPLES_SERVER_SERVER_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>  // IWYU pragma: keep: Asio 1.74 needs it

#include "boost/asio/io_context.hpp"
#include "boost/asio/ip/tcp.hpp"
#include "deploy/examples/server/http.h"

namespace spawner::examples {

// HOST (default 0.0.0.0) and PORT (default 8080) of the environment; PORT=0 takes a free one.
// nullopt, and a line on stderr that says what is allowed, if one is malformed.
std::optional<boost::asio::ip::tcp::endpoint> EndpointFromEnvironment();

// A small HTTP/1.1 and WebSocket server on one thread.
//   Server server(endpoint, connections_max, Handle);
//   server.StopOnSignals();
//   if (!server.Listen()) return 1;
//   server.Run();
class Server {
 public:
  // Above `connections_max` new connections are closed as they come.
  Server(boost::asio::ip::tcp::endpoint endpoint, size_t connections_max, Handler handler);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  // Prints "listening on ADDRESS:PORT", or on stderr why it cannot and returns false.
  bool Listen();
  // SIGTERM and SIGINT call Stop().
  void StopOnSignals();
  // Serves until stopped.
  void Run();
  // Refuses new connections, closes WebSockets with 1001 and idle connections at once, lets
  // answers under way finish, and ends Run() when all are closed or kStopMax is over.
  void Stop();

  // Where handlers run; for timers of the program itself.
  boost::asio::io_context& io();

 private:
  class Connections;

  std::unique_ptr<Connections> connections_;
};

}  // namespace spawner::examples

#endif  // SPAWNER_DEPLOY_EXAMPLES_SERVER_SERVER_H_
