#include "deploy/examples/whiteboard/client.h"

#include <exception>
#include <optional>

#include "boost/asio/co_spawn.hpp"
#include "deploy/examples/whiteboard/limits.h"

namespace spawner::examples {

void Client::Send(const std::shared_ptr<const std::string>& text) {
  if (is_over_) {
    return;
  }
  outbox_bytes_ += text->size();
  if (outbox_bytes_ > kOutboxBytesMax) {
    is_over_ = true;
    websocket_->Drop();
    return;
  }
  outbox_.push_back(text);
  if (!is_writing_) {
    is_writing_ = true;
    const auto self = shared_from_this();
    // An exception there would be a fault of ours: it ends the program.
    boost::asio::co_spawn(executor_, WriteOutbox(), [self](std::exception_ptr error) {
      if (error) {
        std::rethrow_exception(error);
      }
    });
  }
}

boost::asio::awaitable<void> Client::Run(Room& room) {
  while (true) {
    const std::optional<Message> message = co_await websocket_->Read();
    if (!message || is_over_) {
      break;
    }
    if (!message->is_text || !room.Receive(*this, message->payload)) {
      co_await websocket_->Close(1008, "malformed message");
      break;
    }
  }
  is_over_ = true;
  room.Leave(*this);
}

boost::asio::awaitable<void> Client::WriteOutbox() {
  while (!outbox_.empty() && !is_over_) {
    Message message;
    message.payload = *outbox_.front();
    if (!co_await websocket_->Write(message)) {
      break;
    }
    outbox_bytes_ -= message.payload.size();
    outbox_.pop_front();
  }
  is_writing_ = false;
}

}  // namespace spawner::examples
