#ifndef SPAWNER_CONTROLLER_API_HTTP_CONNECTION_H_
#define SPAWNER_CONTROLLER_API_HTTP_CONNECTION_H_

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "controller/api/http_exchange.h"
#include "controller/api/limits.h"

namespace spawner::api {

class HttpConnection;

// What connections share. Thread: the port's. Owner: the port.
struct HttpRoom {
  HttpHandler& handler;
  std::set<std::shared_ptr<HttpConnection>> connections;  // at most kHttpConnectionsMax
  int streams = 0;                                        // at most kHttpStreamsMax
};

// One client: a request, its answer, the next request; or a request and a stream of events to the
// end. Thread: the port's. Owners: the room, what waits for its socket, and who answers.
class HttpConnection final : public HttpExchange,
                             public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(HttpRoom& room, boost::asio::ip::tcp::socket socket)
      : room_(room), stream_(std::move(socket)) {}

  void ReadNext();
  // Leaves the room; whoever streams is told.
  void Close();

  const HttpRequest& request() const override { return request_; }
  void Answer(HttpAnswer answer) override;
  bool StartEvents(std::function<void()> gone) override;
  void Send(absl::string_view bytes) override;
  size_t queued_bytes() const override { return queued_.size() + writing_.size(); }
  void OnWrote(std::function<void()> wrote) override { wrote_ = std::move(wrote); }
  void End() override;

 private:
  using ErrorCode = boost::system::error_code;

  void OnRead(ErrorCode error);
  void Refuse(HttpAnswer answer);
  void WriteQueued();
  void WatchForEnd();

  HttpRoom& room_;
  boost::beast::tcp_stream stream_;
  boost::beast::flat_buffer buffer_{2 * kHttpHeadBytesMax};
  std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
  boost::beast::http::response<boost::beast::http::string_body> response_;
  HttpRequest request_;
  bool is_open_ = true;
  bool is_waiting_ = false;  // the handler has the request, and has not answered
  // Of a stream:
  bool is_stream_ = false;
  bool is_ending_ = false;
  std::string queued_;
  std::string writing_;
  char rest_[64];  // what a client still sends is of no use
  std::function<void()> gone_;
  std::function<void()> wrote_;
};

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_HTTP_CONNECTION_H_
