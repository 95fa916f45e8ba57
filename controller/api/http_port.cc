#include "controller/api/http_port.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "controller/api/http_answer.h"
#include "controller/api/limits.h"

namespace spawner::api {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Tcp = asio::ip::tcp;
using ErrorCode = boost::system::error_code;

}  // namespace

// The acceptor and the open connections. Its sockets are touched on its own thread only.
class HttpPort::Listener {
 public:
  explicit Listener(Edge& edge) : edge_(edge), acceptor_(*context_) {}
  ~Listener() { Stop(); }

  absl::Status Listen(const Address& address);
  int port() const { return port_; }
  void Run() {
    AcceptNext();
    thread_ = std::thread([this] { context_->run(); });
  }

 private:
  class Connection;

  void AcceptNext();
  void Stop() {
    context_->stop();
    if (thread_.joinable()) thread_.join();
  }

  Edge& edge_;
  // Two owners: we, and answers that are still on their way from the loop.
  std::shared_ptr<asio::io_context> context_ = std::make_shared<asio::io_context>(1);
  Tcp::acceptor acceptor_;
  std::thread thread_;
  int port_ = 0;
  std::set<std::shared_ptr<Connection>> connections_;  // at most kHttpConnectionsMax
};

// A request, its answer from the loop, the next request. Owned by the listener, and by what it
// waits for on its socket.
class HttpPort::Listener::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Listener& owner, Tcp::socket socket) : owner_(owner), stream_(std::move(socket)) {}

  void ReadNext() {
    parser_.emplace();
    parser_->header_limit(kHttpHeadBytesMax);
    parser_->body_limit(kHttpHeadBytesMax);
    ExpireSoon();
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](ErrorCode error, size_t) {
                       if (error) return self->Close();
                       self->AskLoop();
                     });
  }

 private:
  void Close() { owner_.connections_.erase(shared_from_this()); }
  void ExpireSoon() { stream_.expires_after(absl::ToChronoSeconds(kHttpTimeout)); }

  void AskLoop() {
    const http::request<http::string_body>& request = parser_->get();
    std::string method(request.method_string());
    std::string target(request.target());
    stream_.expires_never();
    owner_.edge_.Post([edge = &owner_.edge_, context = owner_.context_, weak = weak_from_this(),
                       method = std::move(method), target = std::move(target)] {
      HttpAnswer answer = AnswerHttp(*edge, method, target);
      asio::post(*context, [weak, answer = std::move(answer)] {
        if (const std::shared_ptr<Connection> self = weak.lock(); self != nullptr) {
          self->Write(answer);
        }
      });
    });
  }

  void Write(const HttpAnswer& answer) {
    const http::request<http::string_body>& request = parser_->get();
    response_ = {};
    response_.version(request.version());
    response_.result(static_cast<unsigned>(answer.code));
    response_.set(http::field::content_type, answer.content_type);
    response_.set(http::field::cache_control, "no-store");
    response_.keep_alive(request.keep_alive());
    response_.content_length(answer.body.size());
    if (request.method() != http::verb::head) response_.body() = answer.body;
    ExpireSoon();
    http::async_write(stream_, response_, [self = shared_from_this()](ErrorCode error, size_t) {
      if (error || !self->response_.keep_alive()) return self->Close();
      self->ReadNext();
    });
  }

  Listener& owner_;
  boost::beast::tcp_stream stream_;
  boost::beast::flat_buffer buffer_{2 * kHttpHeadBytesMax};
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
};

absl::Status HttpPort::Listener::Listen(const Address& address) {
  const auto failed = [&address](const ErrorCode& error) {
    return absl::FailedPreconditionError(
        absl::StrCat("listen on ", ToString(address), ": ", error.message()));
  };
  ErrorCode error;
  const asio::ip::address ip = asio::ip::make_address(address.ip, error);
  if (error) return failed(error);
  const Tcp::endpoint endpoint(ip, address.port);
  if (acceptor_.open(endpoint.protocol(), error); error) return failed(error);
  if (acceptor_.set_option(Tcp::acceptor::reuse_address(true), error); error) return failed(error);
  if (acceptor_.bind(endpoint, error); error) return failed(error);
  if (acceptor_.listen(kHttpConnectionsMax, error); error) return failed(error);
  const Tcp::endpoint bound = acceptor_.local_endpoint(error);
  if (error) return failed(error);
  port_ = bound.port();
  return absl::OkStatus();
}

void HttpPort::Listener::AcceptNext() {
  acceptor_.async_accept([this](ErrorCode error, Tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (error) {
      // Out of descriptors, or a peer that left at once; the next accept waits for the next peer.
      Log(LogLevel::kWarning, "http_accept_failed", {{"error", error.message()}});
    } else if (connections_.size() < kHttpConnectionsMax) {
      const auto connection = std::make_shared<Connection>(*this, std::move(socket));
      connections_.insert(connection);
      connection->ReadNext();
    }
    AcceptNext();
  });
}

HttpPort::HttpPort(Edge& edge) : listener_(std::make_unique<Listener>(edge)) {}

HttpPort::~HttpPort() = default;

absl::Status HttpPort::Start(const Address& address) {
  const absl::Status status = listener_->Listen(address);
  if (status.ok()) listener_->Run();
  return status;
}

int HttpPort::port() const { return listener_->port(); }

}  // namespace spawner::api
