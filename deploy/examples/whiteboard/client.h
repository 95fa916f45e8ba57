#ifndef SPAWNER_DEPLOY_EXAMPLES_WHITEBOARD_CLIENT_H_
#define SPAWNER_DEPLOY_EXAMPLES_WHITEBOARD_CLIENT_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <utility>  // IWYU pragma: keep: Asio 1.74 needs it

#include "boost/asio/any_io_executor.hpp"
#include "boost/asio/awaitable.hpp"
#include "deploy/examples/server/http.h"
#include "deploy/examples/whiteboard/room.h"

namespace spawner::examples {

// A participant behind a WebSocket. What the socket does not take yet waits in an outbox; above
// kOutboxBytesMax the client is too slow and its connection is dropped (the page comes again and
// gets a fresh welcome). Two owners: the coroutine that reads, and the one that writes while there
// is something to write.
class Client final : public Participant, public std::enable_shared_from_this<Client> {
 public:
  Client(std::shared_ptr<WebSocket> websocket, boost::asio::any_io_executor executor)
      : websocket_(std::move(websocket)), executor_(std::move(executor)) {}

  void Send(const std::shared_ptr<const std::string>& text) override;
  // Feeds `room` until the connection is over. `room` outlives it.
  boost::asio::awaitable<void> Run(Room& room);

 private:
  boost::asio::awaitable<void> WriteOutbox();

  const std::shared_ptr<WebSocket> websocket_;
  const boost::asio::any_io_executor executor_;
  std::deque<std::shared_ptr<const std::string>> outbox_;
  size_t outbox_bytes_ = 0;
  bool is_writing_ = false;
  bool is_over_ = false;
};

}  // namespace spawner::examples

#endif  // SPAWNER_DEPLOY_EXAMPLES_WHITEBOARD_CLIENT_H_
