#ifndef SPAWNER_PROXY_H2_SERVER_CONNECTION_H_
#define SPAWNER_PROXY_H2_SERVER_CONNECTION_H_

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "proxy/h2/allowance.h"
#include "proxy/h2/limits.h"
#include "proxy/h2/request_text.h"
#include "proxy/h2/server_stream.h"
#include "proxy/h2/stream_history.h"
#include "proxy/h2/stream_io.h"
#include "proxy/h2/workspace.h"
#include "proxy/io/held_bytes.h"
#include "proxy/io/io.h"
#include "proxy/io/stream.h"
#include "proxy/io/timers.h"

namespace spawner::proxy::h2 {

// A client's connection that speaks HTTP/2 (RFC 9113): turns its frames into sockets of a StreamIo
// and what is written to these into frames. nghttp2 does the protocol, without I/O.
// Thread: its worker's. Owner: whoever is its Owner.
class ServerConnection final : public IoHandler, public TimerHandler, public ServerStream::Link {
 public:
  class Owner {
   public:
    // A request: a socket of the StreamIo, to be registered or closed.
    virtual void OnStream(ServerConnection& connection, Socket socket) = 0;
    // RunTurn is to be called before the thread waits.
    virtual void WantsTurn(ServerConnection& connection) = 0;
    // Its socket is closed. Not to be destroyed before it returns to the loop.
    virtual void OnClosed(ServerConnection& connection) = 0;
    // A header block did not come in time: it gives the connection up.
    virtual void OnHeadTimeout() = 0;

   protected:
    ~Owner() = default;
  };
  // What it shares with the others of its thread. `scratch`: kReadBytes.
  struct Bench {
    StreamIo& streams;
    Timers& timers;
    const Instant& now;
    char* scratch;
    Workspace& workspace;
    absl::Duration head_timeout;  // a header block, from its first byte to its last
  };

  // Takes over the socket of `stream`.
  ServerConnection(Bench bench, Owner& owner, Stream&& stream);
  // Accept follows.
  ServerConnection(Bench bench, Owner& owner, Io& io);
  ~ServerConnection() override;

  // Of `io`, not registered yet. False: out of memory, the socket is closed.
  bool Accept(Socket socket);
  // `bytes` were read already: the preface, or its beginning.
  void Start(absl::string_view bytes);
  // Reads, writes what its streams have to send, closes when nothing is left to do.
  void RunTurn();
  // No more requests; closes once those that run are over.
  void Drain();
  void CutOff() { Close(); }
  bool is_closed() const { return state_ == State::kClosed; }
  size_t open_streams() const { return streams_.size(); }

  void OnIo(IoEvents events) override;
  void OnTimer(Instant now) override;

  uint32_t place = 0;  // the Owner's: in its list

  // ---- for ServerStream ----
  void Consume(ServerStream& stream, size_t body_bytes) override;
  void SendHead(ServerStream& stream, bool is_interim) override;
  void SendData(ServerStream& stream) override;
  void Reset(ServerStream& stream, uint32_t code) override;
  void Tell(ServerStream& stream, IoEvents events) override;
  void CountOut(int64_t bytes) override;
  bool HasRoom() const override { return out_bytes_ < int64_t{kConnectionOutBytesMax}; }
  Workspace& workspace() override { return bench_.workspace; }
  int64_t out_bytes() const { return out_bytes_; }

 private:
  friend struct SessionCallbacks;
  enum class State : uint8_t { kOpen, kLingering, kClosed };

  void WantTurn();
  void Read();
  // False: it is closed.
  bool Feed(absl::string_view bytes);
  bool Flush();
  void Linger();
  void Close();
  void CheckIdle();
  bool is_in_block() const;
  void EnhanceYourCalm();

  // ---- from nghttp2 ----
  // A HEADERS or DATA frame begins.
  void OnStreamFrame(int32_t id, bool is_headers);
  void OnBeginRequest(int32_t id);
  void OnRequest(ServerStream& stream, bool ends);
  void OnStreamOver(ServerStream& stream);
  // Frees it, at once or when its socket is closed.
  void Forget(ServerStream& stream);
  void CountReset();
  void CountIdleFrame();

  const Bench bench_;
  Owner& owner_;
  Stream stream_;
  Timer timer_;
  nghttp2_session* session_ = nullptr;
  std::vector<ServerStream*> streams_;  // at most kStreamsMax and those about to be refused
  StreamHistory history_;
  Allowance resets_{kResetBurst, kResetsPerSecond};
  Allowance idle_frames_{kIdleFrameBurst, kIdleFramesPerSecond};
  RequestText request_;       // of the header block that is coming in
  int64_t out_bytes_ = 0;     // of all streams, not framed yet
  bool was_full_ = false;     // of them: writers may wait
  size_t block_bytes_ = 0;    // of the header block that is coming in
  int32_t block_id_ = 0;      // its stream; 0: none is coming in
  uint64_t blocks_ = 0;       // so far
  uint64_t timed_block_ = 0;  // whose the timer is; 0: no block's
  HeldBytes held_;            // this, the session and that block
  State state_ = State::kOpen;
  bool wants_turn_ = false;
  bool is_draining_ = false;
  bool has_settings_ = false;
  bool is_idle_ = false;
};

}  // namespace spawner::proxy::h2

#endif  // SPAWNER_PROXY_H2_SERVER_CONNECTION_H_
