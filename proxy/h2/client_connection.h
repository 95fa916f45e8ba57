#ifndef SPAWNER_PROXY_H2_CLIENT_CONNECTION_H_
#define SPAWNER_PROXY_H2_CLIENT_CONNECTION_H_

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/address.h"
#include "base/clock.h"
#include "proxy/h2/client_stream.h"
#include "proxy/h2/stream_io.h"
#include "proxy/io/held_bytes.h"
#include "proxy/io/io.h"
#include "proxy/io/stream.h"
#include "proxy/io/timers.h"

namespace spawner::proxy::h2 {

// A connection to a backend that speaks HTTP/2 with prior knowledge (RFC 9113 3.3). It takes
// streams from the moment the backend's first SETTINGS came: that proves that somebody is there who
// speaks HTTP/2, and says how many may be open. nghttp2 does the protocol, without I/O.
// Thread: its worker's. Owner: ClientPool.
class ClientConnection final : public IoHandler, public TimerHandler, public ClientStream::Link {
 public:
  class Owner {
   public:
    // RunTurn is to be called before the thread waits.
    virtual void WantsTurn(ClientConnection& connection) = 0;
    // The backend has not seen this stream, which waits for another connection.
    virtual void OnRequeued(ClientStream& stream) = 0;
    // Its socket is closed. Not to be destroyed before it returns to the loop.
    virtual void OnClosed(ClientConnection& connection) = 0;

   protected:
    ~Owner() = default;
  };
  // What it shares with the others of its thread. `scratch`: kReadBytes.
  struct Bench {
    Io& io;
    StreamIo& streams;
    Timers& timers;
    const Instant& now;
    char* scratch;
  };

  ClientConnection(Bench bench, Owner& owner);
  ~ClientConnection() override;

  // Codes as Io::Connect.
  absl::Status Connect(const Address& address);
  // Reads, writes what its streams have to send, closes when nothing is left to do.
  void RunTurn();
  void Close();

  bool is_ready() const { return state_ == State::kReady; }
  bool is_connecting() const { return state_ == State::kConnecting; }
  bool was_ready() const { return was_ready_; }
  // One more stream may be attached.
  bool has_room() const;
  void Attach(ClientStream& stream);
  size_t open_streams() const { return streams_.size(); }

  void OnIo(IoEvents events) override;
  void OnTimer(Instant now) override;

  // ---- for ClientStream ----
  void Submit(ClientStream& stream) override;
  void SendData(ClientStream& stream) override;
  void Consume(ClientStream& stream, size_t body_bytes) override;
  void Cancel(ClientStream& stream, uint32_t code) override;

 private:
  friend struct ClientCallbacks;
  enum class State : uint8_t {
    kConnecting,  // until the backend's SETTINGS
    kReady,
    kLeaving,  // its streams go on, it takes no more: GOAWAY, silence, or no stream id left
    kClosed,
  };

  void WantTurn();
  void Read();
  bool Flush();
  void Leave();
  void CheckIdle();

  // ---- from nghttp2 ----
  void OnSettings();
  void OnStreamOver(ClientStream& stream, uint32_t code);
  // Frees it, at once or when its socket is closed.
  void Forget(ClientStream& stream);

  const Bench bench_;
  Owner& owner_;
  Stream stream_;
  Timer timer_;
  nghttp2_session* session_ = nullptr;
  std::vector<ClientStream*> streams_;  // at most kBackendStreamsMax
  std::string out_;                     // used again within a turn
  size_t block_bytes_ = 0;              // of the header block that is coming in
  HeldBytes held_;                      // this and the session
  Instant heard_at_;
  State state_ = State::kConnecting;
  bool is_connected_ = false;  // TCP
  bool was_ready_ = false;
  bool wants_turn_ = false;
  bool is_idle_ = false;
  bool says_goaway_ = false;  // closes once it is out
};

}  // namespace spawner::proxy::h2

#endif  // SPAWNER_PROXY_H2_CLIENT_CONNECTION_H_
