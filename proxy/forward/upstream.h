#ifndef SPAWNER_PROXY_FORWARD_UPSTREAM_H_
#define SPAWNER_PROXY_FORWARD_UPSTREAM_H_

#include <cstdint>

#include "absl/status/status.h"
#include "base/address.h"
#include "base/clock.h"
#include "proxy/forward/workbench.h"
#include "proxy/http/head_scanner.h"
#include "proxy/io/buffer.h"
#include "proxy/io/stream.h"

namespace spawner::proxy {

class Exchange;
class Session;

// One connection to a session's backend: in use by an Exchange, or idle in its Session's pool. Of a
// backend that speaks h2c: one stream, which is never idle.
// Thread: its worker's. Owner: that Exchange or Session.
class Upstream final : public IoHandler {
 public:
  // `io` makes its socket.
  Upstream(Workbench& bench, Session& session, Io& io);
  ~Upstream() override;

  absl::Status Connect(const Address& address);
  bool is_connected() const { return is_connected_; }
  // It has answered a request before: it may have died meanwhile, which is nobody's fault.
  bool is_reused() const { return is_reused_; }
  // Asks the kernel: nothing to read, no end, no error.
  bool IsStillQuiet();
  // It came back to the pool in this turn: the events of this turn say nothing about it any more.
  bool has_just_rested() const { return turn_ == bench_.turn; }

  void GiveTo(Exchange& exchange) { exchange_ = &exchange; }
  // `exchange` sends at once, unasked: what this turn's events still tell came before its request.
  void GiveUnasked(Exchange& exchange) {
    exchange_ = &exchange;
    turn_ = bench_.turn;
  }
  // All that has come was read. Bytes that are left have no edge of their own any more: as idle it
  // would never tell of them.
  bool HasNothingToSay();
  // Back to the pool: forgets the exchange.
  void Rest(Instant now);
  Instant idle_since() const { return idle_since_; }

  Stream& stream() { return stream_; }
  // Of a response: the part of its head that has come.
  Buffer& input() { return input_; }
  HeadScanner& scanner() { return scanner_; }

  void OnIo(IoEvents events) override;

 private:
  Workbench& bench_;
  Session& session_;
  Exchange* exchange_ = nullptr;  // null: idle
  Stream stream_;
  Buffer input_;
  HeadScanner scanner_;
  bool is_connected_ = false;
  bool is_reused_ = false;
  uint64_t turn_ = 0;  // idle: of Rest; else of GiveUnasked, or an earlier one
  Instant idle_since_;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_UPSTREAM_H_
