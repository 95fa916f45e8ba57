#include "proxy/admin.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/status.h"
#include "proxy/http/head_scanner.h"
#include "proxy/io/buffer.h"
#include "proxy/io/stream.h"

namespace spawner::proxy {
namespace {

constexpr size_t kConnectionsMax = 64;
// From accept to close.
constexpr absl::Duration kConnectionTimeout = absl::Seconds(10);

}  // namespace

class Admin::Connection final : public IoHandler, public TimerHandler {
 public:
  explicit Connection(Admin& admin)
      : admin_(admin), stream_(admin.io_), timer_(admin.timers_, *this) {}

  bool Start(Socket socket) {
    if (!admin_.io_.Register(socket, *this)) return false;
    stream_.Adopt(socket);
    timer_.Arm(admin_.clock_.Now() + kConnectionTimeout);
    return true;
  }
  bool is_closed() const { return !stream_.is_open(); }

  void OnTimer(Instant) override { stream_.Close(); }
  void OnIo(IoEvents events) override {
    stream_.OnIo(events);
    if (!stream_.Flush()) return stream_.Close();
    char bytes[4096];
    for (;;) {
      const IoResult read = stream_.Read(bytes, sizeof(bytes));
      if (read.kind == IoResult::Kind::kBlocked) return;
      if (!read.is_bytes()) return stream_.Close();
      // What follows the request is read and dropped, until the client closes.
      if (is_answered_) continue;
      input_.Append({bytes, read.size});
      TakeHead();
    }
  }

 private:
  void TakeHead() {
    const HeadScanner::State state = scanner_.Scan(input_.view());
    if (state == HeadScanner::State::kIncomplete) return;
    RequestHead& request = admin_.request_;
    HeadError error = {400, "not HTTP/1.1"};
    if (state == HeadScanner::State::kComplete) {
      error = request.Parse(input_.view().substr(0, scanner_.size()));
    }
    if (!error.is_error() && request.method != "GET" && !request.is_head()) {
      error = {405, "only GET and HEAD"};
    }
    is_answered_ = true;
    if (error.is_error()) {
      const Answer answer = {
          .status = error.status, .reason = "MALFORMED_REQUEST", .message = std::string(error.why)};
      stream_.Write({RenderAnswer(answer, {})});
    } else {
      const Answer answer = admin_.answerer_(request.path.substr(0, request.path.find('?')));
      stream_.Write({RenderAnswer(answer, {.without_body = request.is_head()})});
    }
    stream_.FinishWriting();
  }

  Admin& admin_;
  Stream stream_;
  Timer timer_;
  Buffer input_;
  HeadScanner scanner_;
  bool is_answered_ = false;
};

Admin::Admin(Io& io, Timers& timers, const Clock& clock, Answerer answerer)
    : io_(io), timers_(timers), clock_(clock), answerer_(std::move(answerer)) {}

Admin::~Admin() {
  if (listener_.is_open()) io_.Close(listener_);
}

absl::StatusOr<Address> Admin::Listen(const Address& address) {
  ASSIGN_OR_RETURN(listener_, io_.Listen(address, *this));
  return io_.LocalAddress(listener_);
}

void Admin::OnIo(IoEvents) {
  for (;;) {
    const Accepted accepted = io_.Accept(listener_);
    if (accepted.kind != Accepted::Kind::kSocket) return;
    if (connections_.size() >= kConnectionsMax) {
      io_.Close(accepted.socket);
      continue;
    }
    auto connection = std::make_unique<Connection>(*this);
    if (connection->Start(accepted.socket)) connections_.push_back(std::move(connection));
  }
}

void Admin::Sweep() {
  std::erase_if(connections_, [](const auto& connection) { return connection->is_closed(); });
}

}  // namespace spawner::proxy
