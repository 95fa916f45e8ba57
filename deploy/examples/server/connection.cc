// The one file that includes Beast: its headers are slow to compile.
#include "deploy/examples/server/connection.h"

#include <array>
#include <chrono>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>  // IWYU pragma: keep: Asio 1.74 needs it

#include "boost/asio/buffer.hpp"
#include "boost/asio/redirect_error.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "boost/asio/write.hpp"
#include "boost/beast/core/flat_buffer.hpp"
#include "boost/beast/http.hpp"
#include "boost/beast/websocket.hpp"
#include "deploy/examples/server/limits.h"

namespace spawner::examples {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;
using asio::ip::tcp;
using boost::beast::flat_buffer;
using boost::system::error_code;

// Completion token: resume with the error in `ec` instead of throwing.
auto Into(error_code& ec) { return asio::redirect_error(asio::use_awaitable, ec); }

std::string_view AsStd(boost::beast::string_view text) { return {text.data(), text.size()}; }

class BeastWebSocket final : public WebSocket {
 public:
  BeastWebSocket(tcp::socket socket, size_t message_bytes_max, OpenConnections& open)
      : stream_(std::move(socket)), open_(open) {
    stream_.set_option(websocket::stream_base::timeout{
        kHandshakeMax, websocket::stream_base::none(), /*keep_alive_pings=*/false});
    stream_.read_message_max(message_bytes_max);
    stream_.auto_fragment(false);
  }
  ~BeastWebSocket() override { open_.websockets.erase(this); }

  template <typename Head>
  asio::awaitable<bool> Accept(const Head& head) {
    error_code ec;
    co_await stream_.async_accept(head, Into(ec));
    co_return !ec;
  }

  asio::awaitable<std::optional<Message>> Read() override {
    flat_buffer buffer;
    error_code ec;
    co_await stream_.async_read(buffer, Into(ec));
    if (ec) {
      co_return std::nullopt;
    }
    const auto data = buffer.data();
    Message message;
    message.payload.assign(static_cast<const char*>(data.data()), data.size());
    message.is_text = stream_.got_text();
    co_return message;
  }

  asio::awaitable<bool> Write(const Message& message) override {
    error_code ec;
    stream_.text(message.is_text);
    co_await stream_.async_write(asio::buffer(message.payload), Into(ec));
    co_return !ec;
  }

  asio::awaitable<void> Close(uint16_t code, std::string_view reason) override {
    if (is_closing_ || !stream_.is_open()) {
      co_return;
    }
    is_closing_ = true;
    const boost::beast::string_view text(reason.data(), reason.size());
    const websocket::close_reason why(static_cast<websocket::close_code>(code), text);
    // Fails only if the connection is over already, which is what it is for.
    error_code ignored;
    co_await stream_.async_close(why, Into(ignored));
  }

  void Drop() override {
    // Fails only if it is closed already.
    error_code ignored;
    stream_.next_layer().close(ignored);
  }

 private:
  websocket::stream<tcp::socket> stream_;
  OpenConnections& open_;
  bool is_closing_ = false;
};

class Connection final : public Exchange {
 public:
  Connection(tcp::socket socket, const Handler& handler, OpenConnections& open)
      : socket_(std::move(socket)), handler_(handler), open_(open) {}

  asio::awaitable<void> Run() {
    while (!open_.is_stopping && co_await ReadHead()) {
      co_await handler_(*this);
      if (is_upgraded_) {
        co_return;
      }
      if (!co_await FinishExchange()) {
        break;
      }
    }
    error_code ignored;  // the peer may have closed first
    socket_.shutdown(tcp::socket::shutdown_both, ignored);
  }

  const Request& request() const override { return request_; }

  asio::awaitable<std::optional<std::string>> ReadBody(size_t max) override {
    std::string piece(max, '\0');
    error_code ec;
    if (wants_continue_) {
      wants_continue_ = false;
      constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      co_await asio::async_write(socket_, asio::buffer(kContinue), Into(ec));
    }
    // A read may consume nothing but a chunk's head.
    while (!ec && !parser_->is_done()) {
      auto& body = parser_->get().body();
      body.data = piece.data();
      body.size = piece.size();
      co_await http::async_read_some(socket_, buffer_, *parser_, Into(ec));
      if (ec == http::error::need_buffer) {  // `piece` is full
        ec = {};
      }
      if (!ec && body.size < piece.size()) {
        piece.resize(piece.size() - body.size);
        co_return piece;
      }
    }
    if (ec) {
      is_over_ = true;
      co_return std::nullopt;
    }
    co_return std::string();
  }

  asio::awaitable<bool> Reply(int status, std::string_view content_type,
                              std::string_view body) override {
    ResponseHead head;
    head.status = status;
    head.content_type = content_type;
    head.content_length = body.size();
    const std::vector<Header> no_trailers;
    co_return co_await Begin(head) && co_await Write(body) && co_await End(no_trailers);
  }

  asio::awaitable<bool> Begin(const ResponseHead& head) override {
    has_begun_ = true;
    has_no_body_ = request_.method == "HEAD" || head.status == 204 || head.status == 304;
    is_chunked_ = !head.content_length && request_.version == 11 && !has_no_body_;
    left_ = has_no_body_ ? std::optional<uint64_t>(0) : head.content_length;
    if (open_.is_stopping || (!left_ && !is_chunked_)) {
      keep_alive_ = false;
    }
    const auto status = http::int_to_status(static_cast<unsigned>(head.status));
    std::string text = "HTTP/1.1 " + std::to_string(head.status) + " ";
    text += AsStd(http::obsolete_reason(status));
    text += "\r\nContent-Type: " + head.content_type + "\r\n";
    if (head.content_length) {
      text += "Content-Length: " + std::to_string(*head.content_length) + "\r\n";
    } else if (is_chunked_) {
      text += "Transfer-Encoding: chunked\r\n";
    }
    if (!keep_alive_) {
      text += "Connection: close\r\n";
    } else if (request_.version == 10) {
      text += "Connection: keep-alive\r\n";
    }
    for (const Header& header : head.headers) {
      text += header.name + ": " + header.value + "\r\n";
    }
    text += "\r\n";
    co_return co_await WriteAll(asio::buffer(text));
  }

  asio::awaitable<bool> Write(std::string_view piece) override {
    if (has_no_body_ || piece.empty()) {  // an empty chunk would end the body
      co_return !is_over_;
    }
    if (left_) {
      piece = piece.substr(0, *left_);
      *left_ -= piece.size();
    }
    const auto bytes = asio::const_buffer(piece.data(), piece.size());
    if (is_chunked_) {
      co_return co_await WriteAll(http::make_chunk(bytes));
    }
    co_return co_await WriteAll(bytes);
  }

  asio::awaitable<bool> End(const std::vector<Header>& trailers) override {
    if (left_ && *left_ > 0) {
      keep_alive_ = false;
    }
    if (!is_chunked_) {
      co_return !is_over_;
    }
    std::string text = "0\r\n";
    for (const Header& trailer : trailers) {
      text += trailer.name + ": " + trailer.value + "\r\n";
    }
    text += "\r\n";
    co_return co_await WriteAll(asio::buffer(text));
  }

  asio::awaitable<std::shared_ptr<WebSocket>> Upgrade(size_t message_bytes_max) override {
    is_upgraded_ = true;
    // Two owners: the handler, and a Close of the stopping server while it is under way.
    auto upgraded = std::make_shared<BeastWebSocket>(std::move(socket_), message_bytes_max, open_);
    if (!co_await upgraded->Accept(parser_->get())) {
      co_return nullptr;
    }
    open_.websockets[upgraded.get()] = upgraded;
    co_return upgraded;
  }

 private:
  // The next request's head. False if the connection is over; a malformed head got its 400.
  asio::awaitable<bool> ReadHead() {
    parser_.emplace();
    parser_->header_limit(kRequestHeadBytesMax);
    // Not boost::none: Beast 1.74 takes any Content-Length to be above it.
    parser_->body_limit(std::numeric_limits<uint64_t>::max());
    parser_->eager(true);
    error_code ec;
    open_.idle.insert(&socket_);
    co_await http::async_read_header(socket_, buffer_, *parser_, Into(ec));
    open_.idle.erase(&socket_);
    has_begun_ = is_chunked_ = has_no_body_ = false;
    keep_alive_ = !ec && parser_->keep_alive();
    request_ = Request();
    if (ec) {
      const bool is_malformed =
          ec.category() == make_error_code(http::error::bad_method).category();
      if (is_malformed && ec != http::error::end_of_stream && ec != http::error::partial_message) {
        co_await Reply(ec == http::error::header_limit ? 431 : 400, "text/plain", ec.message());
      }
      co_return false;
    }
    TakeRequest();
    co_return true;
  }

  void TakeRequest() {
    const auto& head = parser_->get();
    request_.method = AsStd(head.method_string());
    request_.target = AsStd(head.target());
    request_.path = request_.target.substr(0, request_.target.find('?'));
    request_.version = head.version();
    for (const auto& field : head) {
      Header header;
      header.name = AsStd(field.name_string());
      header.value = AsStd(field.value());
      request_.headers.push_back(header);
    }
    if (const auto length = parser_->content_length()) {
      request_.content_length = *length;
    }
    request_.is_websocket = websocket::is_upgrade(head);
    wants_continue_ = http::token_list(head[http::field::expect]).exists("100-continue");
  }

  // Reads what the handler left of the body. True if the connection can take another request.
  asio::awaitable<bool> FinishExchange() {
    if (!has_begun_) {
      co_await Reply(500, "text/plain", "the handler did not answer\n");
    }
    if (wants_continue_) {  // the body was neither wanted nor sent
      co_return false;
    }
    size_t unread = 0;
    while (keep_alive_ && !is_over_ && !parser_->is_done()) {
      const std::optional<std::string> piece = co_await ReadBody(kBodyPieceBytes);
      unread += piece ? piece->size() : 0;
      if (unread > kUnreadBodyBytesMax) {
        co_return false;
      }
    }
    co_return keep_alive_ && !is_over_;
  }

  template <typename Buffers>
  asio::awaitable<bool> WriteAll(Buffers buffers) {
    if (!is_over_) {
      error_code ec;
      co_await asio::async_write(socket_, buffers, Into(ec));
      is_over_ = static_cast<bool>(ec);
    }
    co_return !is_over_;
  }

  tcp::socket socket_;
  const Handler& handler_;
  OpenConnections& open_;
  flat_buffer buffer_{kRequestHeadBytesMax + kBodyPieceBytes};
  std::optional<http::request_parser<http::buffer_body>> parser_;
  Request request_;
  std::optional<uint64_t> left_;  // of the declared content_length
  bool wants_continue_ = false;
  bool has_begun_ = false;
  bool has_no_body_ = false;
  bool is_chunked_ = false;
  bool keep_alive_ = false;
  bool is_upgraded_ = false;
  bool is_over_ = false;
};

}  // namespace

asio::awaitable<void> ServeConnection(tcp::socket socket, const Handler& handler,
                                      OpenConnections& open) {
  Connection connection(std::move(socket), handler, open);
  co_await connection.Run();
}

}  // namespace spawner::examples
