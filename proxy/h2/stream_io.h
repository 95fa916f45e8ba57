#ifndef SPAWNER_PROXY_H2_STREAM_IO_H_
#define SPAWNER_PROXY_H2_STREAM_IO_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/address.h"
#include "proxy/io/io.h"

namespace spawner::proxy::h2 {

// One HTTP/2 stream as the owner of its socket uses it: what a kernel's socket does for TCP.
// Thread: its worker's. Owner: StreamIo, until the socket is closed and the stream is over.
class StreamEnd {
 public:
  virtual ~StreamEnd() = default;
  virtual IoResult Read(char* bytes, size_t size) = 0;
  virtual IoResult Write(absl::Span<const iovec> parts) = 0;
  virtual void ShutdownWrite() = 0;
  // The socket is closed, by Abort or by Close. What is complete is still sent, as a kernel does.
  virtual void OnClose(bool is_abort) = 0;
  virtual bool IsConnected() const = 0;
  // As Io's.
  virtual bool ClosesCleanly() const { return false; }
  // What an abort that follows is to say (RFC 9113 7).
  virtual void SayOnAbort(uint32_t /*code*/) {}
  // What the peer's reset said, as far as it is for the other side; 0: nothing.
  virtual uint32_t FailureCode() const { return 0; }
};

// Opens a stream to an address, over whatever connection.
class StreamConnector {
 public:
  // Codes as Io::Connect.
  virtual absl::StatusOr<Socket> ConnectStream(const Address& address) = 0;

 protected:
  ~StreamConnector() = default;
};

// Sockets that are HTTP/2 streams: reading gives a message as HTTP/1.1 text, writing takes one, so
// that who serves a connection of HTTP/1.1 serves a stream without knowing of it.
// Thread: its worker's. Owner: Multiplexer.
class StreamIo final : public Io {
 public:
  StreamIo() = default;
  // What its streams hold is counted with the connections of `beneath`.
  explicit StreamIo(Io& beneath) { ShareHeldBytes(beneath); }
  StreamIo(const StreamIo&) = delete;
  StreamIo& operator=(const StreamIo&) = delete;

  // ---- for connections ----
  Socket Add(std::unique_ptr<StreamEnd> end);
  // An edge: handed out by the next Dispatch.
  void Tell(Socket socket, IoEvents events);
  // The stream is over for its connection. Destroys the end now, or when its socket is closed.
  void Release(Socket socket);
  void set_connector(StreamConnector* connector) { connector_ = connector; }

  bool has_events() const { return !ready_.empty(); }
  // Sockets not closed yet: a leak shows here.
  size_t open_sockets() const { return open_; }

  // ---- Io ----
  absl::StatusOr<Socket> Listen(const Address& address, IoHandler& handler) override;
  absl::StatusOr<Address> LocalAddress(Socket socket) override;
  Accepted Accept(Socket listener) override;
  bool StopListening(Socket) override { return false; }
  bool Register(Socket socket, IoHandler& handler) override;
  void SetHandler(Socket socket, IoHandler& handler) override;
  absl::StatusOr<Socket> Connect(const Address& address, IoHandler& handler) override;
  IoResult Read(Socket socket, char* bytes, size_t size) override;
  IoResult Write(Socket socket, absl::Span<const iovec> parts) override;
  void ShutdownWrite(Socket socket) override;
  void Close(Socket socket) override { CloseSocket(socket, false); }
  void Abort(Socket socket) override { CloseSocket(socket, true); }
  void AbortWith(Socket socket, uint32_t code) override;
  uint32_t FailureCode(Socket socket) override { return At(socket).end->FailureCode(); }
  bool IsConnected(Socket socket) override;
  bool ClosesCleanly(Socket socket) override { return At(socket).end->ClosesCleanly(); }
  // Nothing is waited for here: the worker waits in its real Io.
  void Wait(absl::Duration) override {}
  // Hands out what is there now; what follows from it waits for the next call.
  void Dispatch() override;
  void Wake() override {}

 private:
  struct Slot {
    std::unique_ptr<StreamEnd> end;
    IoHandler* handler = nullptr;
    uint32_t generation = 0;
    bool is_open = false;      // as a socket
    bool is_released = false;  // by its connection
    bool is_told = false;      // among ready_
    IoEvents events;
  };
  struct Ready {
    int32_t number;
    uint32_t generation;
  };

  Slot& At(Socket socket);
  void CloseSocket(Socket socket, bool is_abort);
  void Free(Socket socket);

  std::vector<Slot> slots_;
  std::vector<int32_t> free_;
  std::vector<Ready> ready_;
  std::vector<Ready> turn_;  // used again
  size_t open_ = 0;
  StreamConnector* connector_ = nullptr;
};

}  // namespace spawner::proxy::h2

#endif  // SPAWNER_PROXY_H2_STREAM_IO_H_
