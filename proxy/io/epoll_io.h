#ifndef SPAWNER_PROXY_IO_EPOLL_IO_H_
#define SPAWNER_PROXY_IO_EPOLL_IO_H_

#include <sys/epoll.h>

#include <cstdint>
#include <deque>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "proxy/io/descriptors.h"
#include "proxy/io/io.h"
#include "proxy/io/limits.h"
#include "proxy/io/pipe_splice.h"

namespace spawner::proxy {

// Sockets of the kernel, edge-triggered epoll: each is registered once, for everything, and never
// modified. An event of a socket that was closed earlier in the same batch is dropped by its
// generation, so a handler may close and destroy any other.
class EpollIo final : public Io {
 public:
  // RESOURCE_EXHAUSTED if the kernel gives no epoll instance or eventfd.
  // `descriptors`: counts its sockets and bounds them; null: only the kernel does.
  // `dead_peer_timeout`: of its connections, those it accepts and those it makes.
  static absl::StatusOr<std::unique_ptr<EpollIo>> Create(
      Descriptors* descriptors = nullptr, absl::Duration dead_peer_timeout = kDeadPeerTimeout);
  ~EpollIo() override;
  EpollIo(const EpollIo&) = delete;
  EpollIo& operator=(const EpollIo&) = delete;

  absl::StatusOr<Socket> Listen(const Address& address, IoHandler& handler) override;
  absl::StatusOr<Address> LocalAddress(Socket socket) override;
  Accepted Accept(Socket listener) override;
  bool StopListening(Socket listener) override;
  bool Register(Socket socket, IoHandler& handler) override;
  void SetHandler(Socket socket, IoHandler& handler) override;
  absl::StatusOr<Socket> Connect(const Address& address, IoHandler& handler) override;
  IoResult Read(Socket socket, char* bytes, size_t size) override;
  IoResult Write(Socket socket, absl::Span<const iovec> parts) override;
  IoResult WriteLast(Socket socket, absl::Span<const iovec> parts) override;
  std::unique_ptr<Splice> NewSplice(Socket, Socket) override { return pipes_.New(); }
  void ShutdownWrite(Socket socket) override;
  void Close(Socket socket) override;
  bool ClosesCleanly(Socket) override { return true; }
  void Abort(Socket socket) override;
  bool IsConnected(Socket socket) override;
  void Wait(absl::Duration timeout) override;
  void Dispatch() override;
  void Wake() override;

 private:
  struct Slot {
    IoHandler* handler = nullptr;
    uint32_t generation = 0;
  };

  EpollIo(Descriptors* descriptors, absl::Duration dead_peer_timeout)
      : descriptors_(descriptors), dead_peer_timeout_(dead_peer_timeout), pipes_(descriptors) {}
  Accepted RefuseOne(Socket listener);
  IoResult Send(Socket socket, absl::Span<const iovec> parts, int flags);
  void CloseSocket(int fd);
  void CountSocket();

  Descriptors* const descriptors_;  // null: not counted
  const absl::Duration dead_peer_timeout_;
  int epoll_ = -1;
  int wake_ = -1;
  // Given up for a moment when descriptors run out, to accept and refuse what waits.
  int reserve_ = -1;
  std::deque<Slot> slots_;  // by descriptor; deque: growing neither copies nor doubles
  Pipes pipes_;
  int event_count_ = 0;
  epoll_event events_[kEventsPerWait];
};

// SO_REUSEPORT lets a second proxy of the same user share a port unnoticed: this takes it for a
// moment without. Codes as Io::Listen. Port 0 is always free.
absl::Status CheckAddressIsFree(const Address& address);

// Raises the soft limit of open files to the hard one and returns it. Once, at start.
int64_t RaiseFileLimit();

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_IO_EPOLL_IO_H_
