#include "controller/api/http_port.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "controller/api/http_connection.h"
#include "controller/api/limits.h"

namespace spawner::api {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using ErrorCode = boost::system::error_code;

class Thread final : public HttpThread {
 public:
  void Post(std::function<void()> work) override { asio::post(context, std::move(work)); }
  Timer After(absl::Duration delay, std::function<void()> work) override {
    const auto timer =
        std::make_shared<asio::steady_timer>(context, absl::ToChronoNanoseconds(delay));
    timer->async_wait(
        [weak = std::weak_ptr<asio::steady_timer>(timer), work = std::move(work)](ErrorCode error) {
          if (!error && weak.lock() != nullptr) work();
        });
    return timer;
  }

  asio::io_context context{1};
};

}  // namespace

// The acceptor and the open connections. Its sockets are touched on its own thread only.
class HttpPort::Listener {
 public:
  explicit Listener(HttpHandler& handler) : room_{.handler = handler} {}
  ~Listener() { Stop(); }

  absl::Status Listen(const Address& address);
  int port() const { return port_; }
  void Run() {
    room_.handler.Begin(thread_);
    AcceptNext();
    runner_ = std::thread([this] { thread_->context.run(); });
  }

 private:
  void AcceptNext();
  void Stop();

  const std::shared_ptr<Thread> thread_ = std::make_shared<Thread>();
  // What comes back from gRPC and from the loop has a thread to come back to.
  asio::executor_work_guard<asio::io_context::executor_type> work_{thread_->context.get_executor()};
  Tcp::acceptor acceptor_{thread_->context};
  HttpRoom room_;
  std::thread runner_;
  int port_ = 0;
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
    if (error == asio::error::operation_aborted || !acceptor_.is_open()) return;
    if (error) {
      // Out of descriptors, or a peer that left at once; the next accept waits for the next peer.
      Log(LogLevel::kWarning, "http_accept_failed", {{"error", error.message()}});
    } else if (room_.connections.size() < kHttpConnectionsMax) {
      ErrorCode ignored;
      socket.set_option(Tcp::no_delay(true), ignored);
      const auto connection = std::make_shared<HttpConnection>(room_, std::move(socket));
      room_.connections.insert(connection);
      connection->ReadNext();
    }
    AcceptNext();
  });
}

void HttpPort::Listener::Stop() {
  if (!runner_.joinable()) return;
  thread_->Post([this] {
    ErrorCode ignored;
    acceptor_.close(ignored);
    // Takes a copy: what closes leaves the room.
    for (const auto& connection : std::set(room_.connections)) connection->Close();
    room_.handler.Finish([this] { thread_->context.stop(); });
  });
  runner_.join();
}

HttpPort::HttpPort(HttpHandler& handler) : listener_(std::make_unique<Listener>(handler)) {}

HttpPort::~HttpPort() = default;

absl::Status HttpPort::Start(const Address& address) {
  const absl::Status status = listener_->Listen(address);
  if (status.ok()) listener_->Run();
  return status;
}

int HttpPort::port() const { return listener_->port(); }

}  // namespace spawner::api
