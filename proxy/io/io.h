#ifndef SPAWNER_PROXY_IO_IO_H_
#define SPAWNER_PROXY_IO_IO_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/address.h"
#include "proxy/io/counter.h"
#include "proxy/io/io_result.h"
#include "proxy/io/splice.h"

namespace spawner::proxy {

// What changed since the last event: edges, not levels. A read or write that was not blocked must
// be tried until it is; nothing is told twice.
struct IoEvents {
  bool readable = false;  // bytes, a connection to accept, an end or an error may be read
  bool writable = false;  // connected, or space after a blocked write
  bool hangup = false;    // the peer will send no more (FIN), or the socket failed
  bool failed = false;    // both directions are dead (RST, refused)
};

// Owner of a socket's events. Called only within Io::Dispatch, never after Close of the socket.
class IoHandler {
 public:
  virtual ~IoHandler() = default;
  virtual void OnIo(IoEvents events) = 0;
};

struct Accepted {
  enum class Kind : uint8_t {
    kSocket,   // `socket` is connected, not registered yet
    kEmpty,    // no more now: wait for the event
    kRefused,  // out of descriptors or memory: one connection was refused, or none could be taken
    kFull,  // no descriptor to spare for a client: whoever waits goes on waiting; ask again later
  };
  Kind kind = Kind::kEmpty;
  Socket socket;
  std::string peer_ip;
  bool is_secure = false;   // TLS is spoken on it, by the Io: what is read and written is plain
  bool is_h2 = false;       // HTTP/2 was agreed upon (ALPN)
  bool is_counted = false;  // for its address (AddressCaps), by the Io, until it is closed
};

// Seam 4 of 4: everything that the proxy does with sockets. EpollIo is the kernel, SimIo a whole
// network from one seed.
// Thread: the loop that owns it, except Wake. Owner: Worker or main.
class Io {
 public:
  virtual ~Io() = default;

  // A listener shared by all that listen on the same address (SO_REUSEPORT). Codes: UNAVAILABLE if
  // the address is in use or not ours, PERMISSION_DENIED, RESOURCE_EXHAUSTED.
  virtual absl::StatusOr<Socket> Listen(const Address& address, IoHandler& handler) = 0;
  // Where it is bound: the real port after Listen on port 0.
  virtual absl::StatusOr<Address> LocalAddress(Socket socket) = 0;
  virtual Accepted Accept(Socket listener) = 0;
  // Takes no connection any more that is not known yet. True: some are under way and will come by
  // Accept, of which the handler is told; false: none are. May be asked again; Close it then.
  virtual bool StopListening(Socket listener) = 0;
  // Starts the events of an accepted socket. False: out of memory, the socket is closed.
  virtual bool Register(Socket socket, IoHandler& handler) = 0;
  // From now on its events go to `handler`: the connection turned out to speak another protocol.
  virtual void SetHandler(Socket socket, IoHandler& handler) = 0;
  // A registered socket whose connection may still be under way: `writable` or `failed` follow.
  // Not OK: refused at once or RESOURCE_EXHAUSTED.
  virtual absl::StatusOr<Socket> Connect(const Address& address, IoHandler& handler) = 0;

  virtual IoResult Read(Socket socket, char* bytes, size_t size) = 0;
  virtual IoResult Write(Socket socket, absl::Span<const iovec> parts) = 0;
  // The same when ShutdownWrite or Close follows at once: the end may go with the bytes.
  virtual IoResult WriteLast(Socket socket, absl::Span<const iovec> parts) {
    return Write(socket, parts);
  }
  // To pass bytes on between these without reading them; null: read and write them instead (one of
  // them is not a plain socket of the kernel, or descriptors ran out).
  virtual std::unique_ptr<Splice> NewSplice(Socket, Socket) { return nullptr; }
  // Half-close: the peer reads an end after what was written.
  virtual void ShutdownWrite(Socket socket) = 0;
  virtual void Close(Socket socket) = 0;
  // Close delivers what was written, then an end, as long as nothing more comes from the peer.
  virtual bool ClosesCleanly(Socket) { return false; }
  // Close so that the peer sees a failure (RST), never a clean end.
  virtual void Abort(Socket socket) = 0;
  // The same where failures have codes, as an HTTP/2 stream's have (RFC 9113 7).
  virtual void AbortWith(Socket socket, uint32_t /*code*/) { Abort(socket); }
  // The code of the peer's failure; 0: none was told.
  virtual uint32_t FailureCode(Socket) { return 0; }
  // The connection can no longer fail to be established: what is written goes to the peer.
  virtual bool IsConnected(Socket socket) = 0;

  // Waits at most `timeout` for events; at most kEventsPerWait are taken.
  virtual void Wait(absl::Duration timeout) = 0;
  // Hands out what Wait found. Apart from it, so that the loop can read the clock in between.
  virtual void Dispatch() = 0;
  // Ends a Wait, from any thread.
  virtual void Wake() = 0;

  // Bytes that the connections of its loop hold: what their buffers count, and others add.
  Counter& held_bytes() { return *held_bytes_; }

 protected:
  // For an Io in front of another one: there is one count.
  void ShareHeldBytes(Io& inner) { held_bytes_ = inner.held_bytes_; }

 private:
  Counter own_held_bytes_;
  Counter* held_bytes_ = &own_held_bytes_;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_IO_IO_H_
