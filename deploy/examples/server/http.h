#ifndef SPAWNER_DEPLOY_EXAMPLES_SERVER_HTTP_H_
#define SPAWNER_DEPLOY_EXAMPLES_SERVER_HTTP_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>  // IWYU pragma: keep: Asio 1.74 needs it
#include <vector>

#include "boost/asio/awaitable.hpp"

// What a handler of the example backends sees of HTTP and WebSockets. They use the standard types
// and nothing of Spawner: a backend needs no library of ours. One thread runs everything.
namespace spawner::examples {

struct Header {
  std::string name;
  std::string value;
};

struct Request {
  // The value of a query parameter as it stands, without percent decoding.
  std::optional<std::string> Query(std::string_view name) const;
  // A query parameter as a number. `fallback` without one, nullopt if it is no number in
  // [0, max]: answer 400.
  std::optional<uint64_t> Number(std::string_view name, uint64_t fallback, uint64_t max) const;

  std::string method;
  std::string target;  // path and query, as they arrived
  std::string path;
  unsigned version = 11;        // 10 or 11
  std::vector<Header> headers;  // in their order, repetitions kept
  std::optional<uint64_t> content_length;
  bool is_websocket = false;
};

struct ResponseHead {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::vector<Header> headers;
  // Without one the body is chunked, or ends with the connection for an HTTP/1.0 client.
  std::optional<uint64_t> content_length;
};

struct Message {
  std::string payload;
  bool is_text = true;
};

// An open WebSocket. One Read and one Write may be under way at a time.
class WebSocket {
 public:
  virtual ~WebSocket() = default;

  // The next message; nullopt once the connection is over, for whatever reason. A message above the
  // limit ends it with close code 1009, a text that is not UTF-8 with 1007.
  virtual boost::asio::awaitable<std::optional<Message>> Read() = 0;
  // Returns when the kernel took the message. False once the connection is over.
  virtual boost::asio::awaitable<bool> Write(const Message& message) = 0;
  // Sends a close frame and waits for the peer's, kHandshakeMax at most.
  virtual boost::asio::awaitable<void> Close(uint16_t code, std::string_view reason) = 0;
  // Closes the socket at once: what Read and Write wait for fails.
  virtual void Drop() = 0;
};

// One request and its answer. Owner: the connection; valid until the handler returns. Any result
// that says "over" means that the client is gone; the handler then just returns.
class Exchange {
 public:
  virtual ~Exchange() = default;

  virtual const Request& request() const = 0;
  // Up to `max` further bytes of the request's body, empty at its end, nullopt when over.
  virtual boost::asio::awaitable<std::optional<std::string>> ReadBody(size_t max) = 0;

  // A whole answer.
  virtual boost::asio::awaitable<bool> Reply(int status, std::string_view content_type,
                                             std::string_view body) = 0;
  // An answer in pieces: Begin, Write..., End. False when over. Ending before content_length bytes
  // were written closes the connection there; trailers need a chunked body.
  virtual boost::asio::awaitable<bool> Begin(const ResponseHead& head) = 0;
  virtual boost::asio::awaitable<bool> Write(std::string_view piece) = 0;
  virtual boost::asio::awaitable<bool> End(const std::vector<Header>& trailers) = 0;

  // Answers 101; nullptr if the request is no correct upgrade (it got a 400) or is over. The
  // server keeps the socket known, so that a SIGTERM closes it with 1001.
  virtual boost::asio::awaitable<std::shared_ptr<WebSocket>> Upgrade(size_t message_bytes_max) = 0;
};

using Handler = std::function<boost::asio::awaitable<void>(Exchange&)>;

}  // namespace spawner::examples

#endif  // SPAWNER_DEPLOY_EXAMPLES_SERVER_HTTP_H_
