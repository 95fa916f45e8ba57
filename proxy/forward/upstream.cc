#include "proxy/forward/upstream.h"

#include "base/status.h"
#include "proxy/forward/exchange.h"
#include "proxy/forward/session.h"

namespace spawner::proxy {

Upstream::Upstream(Workbench& bench, Session& session, Io& io)
    : bench_(bench), session_(session), stream_(io) {
  bench_.counters.upstreams.Add(1);
  bench_.io.held_bytes().Add(sizeof(*this));
}

Upstream::~Upstream() {
  bench_.counters.upstreams.Add(-1);
  bench_.io.held_bytes().Add(-int64_t{sizeof(*this)});
}

absl::Status Upstream::Connect(const Address& address) {
  ASSIGN_OR_RETURN(const Socket socket, stream_.io().Connect(address, *this));
  stream_.Adopt(socket);
  // On the same machine it is there already: saves a turn.
  is_connected_ = stream_.io().IsConnected(socket);
  return absl::OkStatus();
}

bool Upstream::IsStillQuiet() {
  if (stream_.is_hung_up()) return false;
  char byte;
  return stream_.io().Read(stream_.socket(), &byte, 1).kind == IoResult::Kind::kBlocked;
}

bool Upstream::HasNothingToSay() {
  if (stream_.is_hung_up()) return false;
  char byte;
  return stream_.Read(&byte, 1).kind == IoResult::Kind::kBlocked;
}

void Upstream::Rest(Instant now) {
  exchange_ = nullptr;
  is_reused_ = true;
  turn_ = bench_.turn;
  idle_since_ = now;
  scanner_ = HeadScanner();
}

void Upstream::OnIo(IoEvents events) {
  stream_.OnIo(events);
  if (exchange_ == nullptr) {
    // An idle backend connection has nothing to say: it ended, or broke the protocol. But the edge
    // may be that of its last response's end, which was read together with the beginning.
    if (events.readable && !HasNothingToSay()) session_.Drop(*this);
    return;
  }
  if (!is_connected_) {
    if (events.failed || events.hangup) {
      exchange_->OnConnectFailed();
      return;
    }
    if (!events.writable) return;
    is_connected_ = true;
  }
  if (events.readable && is_reused_ && turn_ == bench_.turn) return exchange_->OnUnasked();
  exchange_->OnUpstreamIo();
}

}  // namespace spawner::proxy
