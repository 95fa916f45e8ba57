#ifndef SPAWNER_PROXY_TLS_TLS_CONNECTION_H_
#define SPAWNER_PROXY_TLS_TLS_CONNECTION_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "proxy/io/address_caps.h"
#include "proxy/io/buffer.h"
#include "proxy/io/io.h"
#include "proxy/io/timers.h"
#include "proxy/tls/openssl.h"
#include "proxy/tls/proxy_header.h"
#include "proxy/tls/tls_bench.h"
#include "proxy/tls/tls_context.h"

namespace spawner::proxy {

// One client's socket, from accept to close: first the PROXY header and the handshake, then the
// records between its worker and the socket.
// Thread: its worker's. Owner: TlsIo.
class TlsConnection final : public IoHandler, public TimerHandler {
 public:
  class Owner {
   public:
    // It has work that TlsIo's turn bounds: Step() is to be called.
    virtual void WantsStep(TlsConnection& connection) = 0;
    // It has events for its handler: Tell() is to be called.
    virtual void WantsTell(TlsConnection& connection) = 0;
    virtual void OnReady(TlsConnection& connection) = 0;
    // It was given up; it is closed already.
    virtual void OnGivenUp(TlsConnection& connection) = 0;
    // Nothing: the address has as many connections as it may.
    virtual std::optional<AddressSlot> Count(absl::string_view ip) = 0;

   protected:
    ~Owner() = default;
  };
  struct Arrival {
    Socket socket;
    Socket listener;
    std::string peer_ip;
    AddressSlot address;            // null: not counted, or not yet
    bool has_header = false;        // a PROXY header comes first
    TlsContext* context = nullptr;  // null: plain
  };

  TlsConnection(TlsBench& bench, Owner& owner, Arrival arrival);
  ~TlsConnection() override;

  // Begins to read. False: out of memory, the socket is closed.
  bool Start();
  // Goes on with the header or the handshake.
  void Step();
  // The worker took it over.
  void SetHandler(IoHandler& handler);
  void ChangeHandler(IoHandler& handler) { handler_ = &handler; }
  void Tell();

  IoResult Read(char* bytes, size_t size);
  IoResult Write(absl::Span<const iovec> parts);
  void ShutdownWrite();
  void Close();
  void Abort();

  void OnIo(IoEvents events) override;
  void OnTimer(Instant now) override;

  Socket socket() const { return socket_; }
  Socket listener() const { return listener_; }
  const std::string& peer_ip() const { return peer_ip_; }
  bool is_secure() const { return context_ != nullptr; }
  bool is_h2() const;
  bool has_arrived() const { return phase_ >= Phase::kReady; }
  bool is_open() const { return phase_ == Phase::kOpen; }

  // TlsIo's: in one of its lists.
  bool is_stepping = false;
  bool is_telling = false;

 private:
  friend struct TlsBio;
  enum class Phase : uint8_t { kHeader, kHandshake, kReady, kOpen, kClosed };

  bool ReadHeader();
  bool BeginHandshake();
  void Handshake();
  void BecomeReady();
  void CountHandshake();
  void GiveUp(ArrivalError error);
  void Abandon();
  void AnswerPlainHttp();
  // What OpenSSL made to be sent: to the socket, or kept. False: the connection is dead.
  bool Flush();
  bool Encrypt(absl::string_view record);
  void SayGoodbye();
  IoResult Fail(int error);

  TlsBench& bench_;
  Owner& owner_;
  const Socket socket_;
  const Socket listener_;
  TlsContext* const context_;
  IoHandler* handler_ = nullptr;
  SslPtr ssl_;
  std::unique_ptr<ProxyHeader> header_;
  Timer timer_;
  std::string peer_ip_;
  AddressSlot address_;  // given up with the connection
  Buffer out_;           // encrypted, not taken by the socket
  IoEvents unseen_;      // for the handler
  int error_ = 0;        // errno of the failure
  Phase phase_ = Phase::kHandshake;
  IoResult::Kind end_ = IoResult::Kind::kBlocked;  // kEnd or kFailed: there is no more to read
  bool is_readable_ = false;                       // the socket may have more bytes
  bool is_hung_up_ = false;
  bool has_eof_ = false;      // the socket's end was read
  bool is_dead_ = false;      // nothing can be written any more
  bool wants_space_ = false;  // a write was blocked
  // The last byte that the writer was told to keep is in out_ already: it is "written" with it.
  bool owes_byte_ = false;
  bool is_shut_ = false;          // close_notify was made
  bool is_shut_pending_ = false;  // the socket's half-close waits for out_
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_TLS_TLS_CONNECTION_H_
