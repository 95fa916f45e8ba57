#include "proxy/admin.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/ip_ranges.h"
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

bool IsLoopback(absl::string_view ip) {
  static const IpRanges& loopback = *new IpRanges(*IpRanges::Parse("127.0.0.0/8,::1"));
  return loopback.Contains(ip);
}

class Admin::Connection final : public IoHandler, public TimerHandler {
 public:
  Connection(Admin& admin, bool is_local, uint64_t ticket)
      : admin_(admin),
        stream_(admin.io_),
        timer_(admin.timers_, *this),
        is_local_(is_local),
        ticket_(ticket) {}

  bool Start(Socket socket) {
    if (!admin_.io_.Register(socket, *this)) return false;
    stream_.Adopt(socket);
    timer_.Arm(admin_.clock_.Now() + kConnectionTimeout);
    return true;
  }
  bool is_closed() const { return !stream_.is_open(); }
  uint64_t ticket() const { return ticket_; }
  void Reply(const Answer& answer) {
    if (is_closed()) return;
    stream_.Write({RenderAnswer(answer, {.without_body = is_head_})});
    stream_.FinishWriting();
  }

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
      return Reply({.status = error.status,
                    .reason = "MALFORMED_REQUEST",
                    .message = std::string(error.why)});
    }
    is_head_ = request.is_head();
    const size_t question = std::min(request.path.find('?'), request.path.size());
    absl::string_view query = request.path.substr(question);
    if (!query.empty()) query.remove_prefix(1);
    const std::optional<Answer> answer = admin_.answerer_({.path = request.path.substr(0, question),
                                                           .query = query,
                                                           .is_local = is_local_,
                                                           .ticket = ticket_});
    if (answer) Reply(*answer);
  }

  Admin& admin_;
  Stream stream_;
  Timer timer_;
  Buffer input_;
  HeadScanner scanner_;
  bool is_answered_ = false;
  bool is_head_ = false;
  const bool is_local_;
  const uint64_t ticket_;
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
    auto connection = std::make_unique<Connection>(*this, IsLoopback(accepted.peer_ip), ++tickets_);
    if (connection->Start(accepted.socket)) connections_.push_back(std::move(connection));
  }
}

void Admin::Reply(uint64_t ticket, const Answer& answer) {
  for (const auto& connection : connections_) {
    if (connection->ticket() == ticket) return connection->Reply(answer);
  }
}

void Admin::Sweep() {
  std::erase_if(connections_, [](const auto& connection) { return connection->is_closed(); });
}

}  // namespace spawner::proxy
