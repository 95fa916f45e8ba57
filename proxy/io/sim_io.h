#ifndef SPAWNER_PROXY_IO_SIM_IO_H_
#define SPAWNER_PROXY_IO_SIM_IO_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/address.h"
#include "base/clock.h"
#include "base/random.h"
#include "proxy/io/io.h"

namespace spawner::proxy {

// A whole network from one seed: listeners, connections with delay, fragmentation, full buffers,
// half-close and resets, as the kernel would do them (edges, short reads only when drained, data
// before a reset still readable, unread data at close answered with a reset). Time is the
// FakeClock's and moves only in Wait. Everybody in it - the worker under test, clients, backends -
// is a handler of the same SimIo.
//   FakeClock clock; SeededRandom random(7); SimIo io(clock, random, {.fragments = true});
class SimIo final : public Io {
 public:
  struct Options {
    absl::Duration delay_max = absl::Milliseconds(2);  // of each piece; order is kept
    bool fragments = false;                            // pieces of any size, writes taken in part
    size_t window_bytes = 64 * 1024;                   // written and not read yet, per direction
    size_t backlog = 128;                              // connections waiting for accept
    size_t sockets_max = 100'000;                      // beyond it: out of descriptors
    size_t reserved = 0;                               // of them: not for the clients of
    Address reserved_from = {};                        // this listener
    bool splices = false;                              // as EpollIo
  };

  SimIo(FakeClock& clock, Random& random, Options options)
      : clock_(clock), random_(random), options_(options) {}

  absl::StatusOr<Socket> Listen(const Address& address, IoHandler& handler) override;
  absl::StatusOr<Address> LocalAddress(Socket socket) override;
  Accepted Accept(Socket listener) override;
  bool StopListening(Socket listener) override;
  bool Register(Socket socket, IoHandler& handler) override;
  void SetHandler(Socket socket, IoHandler& handler) override;
  absl::StatusOr<Socket> Connect(const Address& address, IoHandler& handler) override;
  IoResult Read(Socket socket, char* bytes, size_t size) override;
  IoResult Write(Socket socket, absl::Span<const iovec> parts) override;
  std::unique_ptr<Splice> NewSplice(Socket from, Socket to) override;
  void ShutdownWrite(Socket socket) override;
  void Close(Socket socket) override;
  bool ClosesCleanly(Socket) override { return true; }
  void Abort(Socket socket) override;
  bool IsConnected(Socket socket) override;
  void Wait(absl::Duration timeout) override;
  void Dispatch() override;
  void Wake() override { is_woken_ = true; }

  // Sockets not closed yet: a leak shows here.
  size_t open_sockets() const { return open_; }
  size_t splices_made() const { return splices_made_; }
  bool has_events() const { return !events_.empty(); }

 private:
  // Where a socket is: its number may be used again, its generation never.
  struct Id {
    int32_t number = -1;
    uint32_t generation = 0;
  };
  struct End {
    uint32_t generation = 0;
    bool is_open = false;
    bool is_listener = false;
    bool is_connected = false;
    bool is_shut = false;  // we send no more
    bool has_fin = false;  // the peer sends no more
    bool is_reset = false;
    bool wants_space = false;  // a write was blocked
    IoHandler* handler = nullptr;
    IoEvents unseen;  // edges from before registration
    Id peer;
    Address address;  // of a listener
    std::deque<Id> backlog;
    std::string inbox;     // arrived, not read
    size_t in_flight = 0;  // towards this end
    Instant last_arrival;
  };
  struct Event {
    enum class Kind { kData, kFin, kReset, kConnected, kRefused, kAcceptable, kSpace };
    Kind kind;
    Id to;
    std::string bytes;
  };

  End* Find(Id id);
  Id New();
  Id IdOf(Socket socket) const { return {socket.number, ends_[Index(socket)].generation}; }
  static size_t Index(Socket socket) { return static_cast<size_t>(socket.number); }
  void Schedule(Event event, Instant earliest);
  void SendInOrder(End& target, Event event);
  void Happen(Event& event);
  void Tell(Id id, IoEvents events);
  void Free(Socket socket);
  size_t Window(const End& target) const;

  FakeClock& clock_;
  Random& random_;
  const Options options_;
  std::deque<End> ends_;  // by number; deque: references stay
  std::vector<int32_t> free_;
  size_t open_ = 0;
  size_t splices_made_ = 0;
  uint16_t next_port_ = 40000;
  std::map<std::pair<int64_t, uint64_t>, Event> events_;  // by time and order of making
  uint64_t made_ = 0;
  std::vector<std::pair<Id, IoEvents>> told_;
  bool is_woken_ = false;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_IO_SIM_IO_H_
