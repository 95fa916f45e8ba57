#ifndef SPAWNER_PROXY_FORWARD_DOWNSTREAM_H_
#define SPAWNER_PROXY_FORWARD_DOWNSTREAM_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "proxy/forward/client_origin.h"
#include "proxy/forward/exchange.h"
#include "proxy/forward/workbench.h"
#include "proxy/http/answer.h"
#include "proxy/http/head_scanner.h"
#include "proxy/io/address_caps.h"
#include "proxy/io/buffer.h"
#include "proxy/io/stream.h"
#include "proxy/io/timers.h"

namespace spawner::proxy {

// One client connection: reads heads, runs one Exchange after the other, in order, and closes so
// that the client gets the last answer.
// Thread: its worker's. Owner: itself while open (Worker keeps a list), then Workbench's graves.
class Downstream final : public IoHandler, public TimerHandler {
 public:
  // Told when it closed: takes it out of the list and buries it.
  class Owner {
   public:
    virtual void OnClosed(Downstream& downstream) = 0;
    // Its first bytes are the preface of HTTP/2 (RFC 9113 3.4), or the beginning of it: takes its
    // stream.
    virtual void OnHttp2(Downstream& downstream, absl::string_view bytes) = 0;

   protected:
    ~Owner() = default;
  };

  // `io` has its socket: the worker's own, or one whose sockets are the streams of another
  // protocol.
  Downstream(Workbench& bench, Io& io, Owner& owner, ClientPeer peer, AddressSlot address = {});
  ~Downstream() override;

  // Begins to read. False: out of memory, it is closed.
  bool Start(Socket socket);

  void OnIo(IoEvents events) override;
  void OnTimer(Instant now) override;
  // RunLater's turn has come.
  void OnMore();
  // The worker drains: an idle connection closes now, one in use after its response.
  void OnDrain();
  // What still runs is cut off.
  void OnDrainDeadline();
  // At once, whatever runs.
  void CutOff();

  // ---- for Exchange ----
  Stream& stream() { return stream_; }
  const ClientPeer& peer() const { return peer_; }
  // Whoever takes the socket takes its place in the count as well.
  AddressSlot TakeAddress() { return std::move(address_); }
  // Bytes that came and were not dealt with; Take() uses up the first of them.
  absl::string_view unread() const { return is_fresh_ ? fresh_ : input_.view(); }
  void Take(size_t count);
  // Bytes read beyond what belongs to the exchange.
  void KeepAhead(absl::string_view bytes) { input_.Append(bytes, &stream_.io().held_bytes()); }
  void SetDeadline(Instant deadline);
  // The exchange is over. Without `keeps` the connection closes once its bytes are taken.
  // `is_last`: the client sends nothing more.
  void OnExchangeDone(bool keeps, bool is_last);
  // A tunnel has taken it.
  void OnSocketGone() { Close(); }
  void RunLater();
  // Unclean: the client must not take what it got for a whole response. `code`: as Stream::Abort.
  void Abort(uint32_t code = 0);

  bool is_closed() const { return state_ == State::kClosed; }
  size_t place = 0;  // the Worker's: in its list

 private:
  enum class State : uint8_t { kReading, kExchange, kLingering, kClosed };

  void Read();
  // Uses up whole heads; returns how many of `bytes` are done with.
  size_t TakeHead(absl::string_view bytes);
  void RefuseTooLong();
  void Refuse(const HeadError& error);
  void LogRefusal(const Answer& answer);
  bool MayCloseAtOnce() const;
  // Of another protocol's connection: one request, whose head was there from the beginning.
  bool is_stream() const { return &stream_.io() != &bench_.io; }
  void Linger();
  void DiscardInput();
  void Close();

  Workbench& bench_;
  Owner& owner_;
  Stream stream_;
  Buffer input_;
  absl::string_view fresh_;  // while is_fresh_: unread bytes in the scratch buffer or elsewhere
  HeadScanner scanner_;
  Timer timer_;
  Instant deadline_ = Instant::Infinite();  // of the state; the timer may be earlier
  State state_ = State::kReading;
  bool is_fresh_ = false;
  bool needs_more_ = true;  // input_ holds no whole head
  bool is_later_ = false;
  bool is_first_ = true;  // nothing was read yet that HTTP/2 does not begin with
  uint8_t empty_lines_ = 0;
  uint32_t discarded_ = 0;
  const ClientPeer peer_;
  AddressSlot address_;  // null: not counted
  Exchange exchange_;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_DOWNSTREAM_H_
