#include "deploy/examples/server/server.h"

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>  // IWYU pragma: keep: Asio 1.74 needs it
#include <vector>

#include "boost/asio/co_spawn.hpp"
#include "boost/asio/redirect_error.hpp"
#include "boost/asio/signal_set.hpp"
#include "boost/asio/steady_timer.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "deploy/examples/server/connection.h"
#include "deploy/examples/server/limits.h"

namespace spawner::examples {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

// An exception out of a coroutine is a fault of ours: it leaves Run() and ends the program.
void RethrowIfAny(std::exception_ptr error) {
  if (error) {
    std::rethrow_exception(error);
  }
}

asio::awaitable<void> CloseGoingAway(std::shared_ptr<WebSocket> websocket) {
  co_await websocket->Close(1001, "the server is shutting down");
}

}  // namespace

std::optional<tcp::endpoint> EndpointFromEnvironment() {
  // Read once, before any other thread could exist.
  const char* const host = std::getenv("HOST");  // NOLINT(concurrency-mt-unsafe)
  const char* const port = std::getenv("PORT");  // NOLINT(concurrency-mt-unsafe)
  const std::string_view host_text = host ? host : "0.0.0.0";
  const std::string_view port_text = port ? port : "8080";
  error_code ec;
  const asio::ip::address address = asio::ip::make_address(std::string(host_text), ec);
  if (ec) {
    std::fprintf(stderr, "HOST=%s is not an IP address\n", host);
    return std::nullopt;
  }
  uint16_t number = 0;
  const char* const end = port_text.data() + port_text.size();
  const auto [stop, error] = std::from_chars(port_text.data(), end, number);
  if (error != std::errc() || stop != end) {
    std::fprintf(stderr, "PORT=%s is not a number from 0 to 65535\n", port);
    return std::nullopt;
  }
  return tcp::endpoint(address, number);
}

class Server::Connections {
 public:
  Connections(tcp::endpoint endpoint, size_t connections_max, Handler handler)
      : endpoint_(std::move(endpoint)), max_(connections_max), handler_(std::move(handler)) {}

  bool Listen() {
    error_code ec;
    acceptor_.open(endpoint_.protocol(), ec);
    if (!ec) acceptor_.set_option(tcp::acceptor::reuse_address(true), ec);
    if (!ec) acceptor_.bind(endpoint_, ec);
    if (!ec) acceptor_.listen(kListenBacklog, ec);
    if (!ec) endpoint_ = acceptor_.local_endpoint(ec);
    const std::string address = endpoint_.address().to_string();
    if (ec) {
      std::fprintf(stderr, "cannot listen on %s:%d: %s\n", address.c_str(), endpoint_.port(),
                   ec.message().c_str());
      return false;
    }
    std::printf("listening on %s:%d\n", address.c_str(), endpoint_.port());
    std::fflush(stdout);
    asio::co_spawn(io_, Accept(), RethrowIfAny);
    return true;
  }

  void StopOnSignals() {
    signals_.add(SIGTERM);
    signals_.add(SIGINT);
    signals_.async_wait([this](error_code ec, int) {
      if (!ec) {
        Stop();
      }
    });
  }

  void Stop() {
    if (open_.is_stopping) {
      return;
    }
    open_.is_stopping = true;
    error_code ignored;  // closing fails only if it is closed
    acceptor_.close(ignored);
    for (tcp::socket* socket : open_.idle) {
      socket->close(ignored);
    }
    for (const auto& [unused, websocket] : open_.websockets) {
      if (auto owned = websocket.lock()) {
        asio::co_spawn(io_, CloseGoingAway(std::move(owned)), RethrowIfAny);
      }
    }
    deadline_.expires_after(kStopMax);
    deadline_.async_wait([this](error_code) { io_.stop(); });
    StopWhenEmpty();
  }

  asio::io_context& io() { return io_; }

 private:
  void StopWhenEmpty() {
    if (open_.is_stopping && count_ == 0) {
      io_.stop();
    }
  }

  asio::awaitable<void> Accept() {
    while (acceptor_.is_open()) {
      error_code ec;
      tcp::socket socket(io_);
      co_await acceptor_.async_accept(socket, asio::redirect_error(asio::use_awaitable, ec));
      if (ec == asio::error::operation_aborted || !acceptor_.is_open()) {
        co_return;
      }
      if (ec) {
        std::fprintf(stderr, "accept: %s\n", ec.message().c_str());
        asio::steady_timer pause(io_, kAcceptBackoff);
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ec));
        continue;
      }
      if (count_ >= max_) {
        continue;  // closes it
      }
      socket.set_option(tcp::no_delay(true), ec);  // fails only if the peer has gone already
      ++count_;
      asio::co_spawn(io_, ServeConnection(std::move(socket), handler_, open_),
                     [this](std::exception_ptr error) {
                       --count_;
                       StopWhenEmpty();
                       RethrowIfAny(std::move(error));
                     });
    }
  }

  // Connections live in the coroutines that io_ holds: what they use is declared before it and
  // what uses io_ after it.
  tcp::endpoint endpoint_;
  const size_t max_;
  const Handler handler_;
  size_t count_ = 0;
  OpenConnections open_;
  asio::io_context io_{1};
  tcp::acceptor acceptor_{io_};
  asio::signal_set signals_{io_};
  asio::steady_timer deadline_{io_};
};

Server::Server(tcp::endpoint endpoint, size_t connections_max, Handler handler)
    : connections_(std::make_unique<Connections>(std::move(endpoint), connections_max,
                                                 std::move(handler))) {}
Server::~Server() = default;

bool Server::Listen() { return connections_->Listen(); }
void Server::StopOnSignals() { connections_->StopOnSignals(); }
void Server::Run() { connections_->io().run(); }
void Server::Stop() { connections_->Stop(); }
asio::io_context& Server::io() { return connections_->io(); }

}  // namespace spawner::examples
