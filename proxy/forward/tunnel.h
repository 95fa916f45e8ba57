#ifndef SPAWNER_PROXY_FORWARD_TUNNEL_H_
#define SPAWNER_PROXY_FORWARD_TUNNEL_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "proxy/forward/frame_scanner.h"
#include "proxy/forward/inspection.h"
#include "proxy/forward/workbench.h"
#include "proxy/io/address_caps.h"
#include "proxy/io/stream.h"
#include "proxy/io/timers.h"
#include "proxy/route/revocation.h"

namespace spawner::proxy {

class Session;
class Tunnels;

inline constexpr uint16_t kCloseEnded = 1001;     // api.md: the session is over
inline constexpr uint16_t kCloseLeaving = 1012;   // the proxy is
inline constexpr uint16_t kCloseOverCap = 1013;   // more than the session may have open
inline constexpr uint16_t kCloseIdle = 4001;      // it was idle: this was no use of it
inline constexpr uint16_t kCloseLifetime = 4002;  // its lifetime was over
inline constexpr uint16_t kCloseRevoked = 4003;   // the grant it was opened with
inline constexpr uint16_t kCloseFenced = 4004;    // a newer incarnation took over

// Bytes both ways after a 101, unchanged. Each side may finish alone. A close of our own ends it
// between two frames of the backend's. It has the two sockets from the connections that agreed on
// it, and they are gone: an idle WebSocket is this object and nothing else, so each byte counts.
// Thread: its worker's. Owner: Tunnels while open, then Workbench's graves.
class Tunnel final : public IoHandler, public TimerHandler {
 public:
  struct Origin {
    Session& session;
    Instant started_at;
    bool is_websocket;
    bool is_capped;   // it counts for its session's cap, until it ends
    bool is_logged;   // the access log keeps a record of it
    bool is_ignored;  // on an ignored path
    GrantMark grant;
    absl::string_view client;  // its address
    absl::string_view user;    // may be empty
  };
  // Takes both sockets over. Session::Continue and Begin follow.
  Tunnel(Workbench& bench, const Origin& origin, AddressSlot address, Stream& client,
         Stream& backend);
  ~Tunnel() override;

  // The backend's first bytes, which came with its 101, are sent: moves what came after them.
  // `is_alive`: both took what was sent to them.
  void Begin(absl::string_view from_backend, bool is_alive);
  // Sends `code` at the next frame boundary, within kCloseFrameTimeout, then closes.
  void OnSessionOver(uint16_t code);
  const GrantMark& grant() const { return grant_; }
  Instant started_at() const { return started_at_; }
  bool is_ignored() const { return is_ignored_; }
  void OnDrainDeadline();
  // At once, whatever runs.
  void CutOff();
  ConnectionView View() const;
  // Tunnels::RunLater's turn has come.
  void OnMore();

  void OnIo(IoEvents events) override;  // of the client
  void OnTimer(Instant now) override;

  bool is_closed() const { return !client_.is_open(); }
  uint32_t place = 0;          // Tunnels': in its list
  uint32_t session_place = 0;  // Session's: in its list

 private:
  enum class State {
    kOpen,
    kDone,    // all that was sent has been passed on, both sides have finished; or we closed it
    kFailed,  // one side is dead
  };
  // The backend's events, told apart from the client's.
  class BackendEvents final : public IoHandler {
   public:
    explicit BackendEvents(Tunnel& tunnel) : tunnel_(tunnel) {}
    void OnIo(IoEvents events) override { tunnel_.OnBackendIo(events); }

   private:
    Tunnel& tunnel_;
  };

  int64_t held() const;  // bytes
  void OnBackendIo(IoEvents events);
  // One side has finished: the other may go on for a while.
  bool is_half_open() const { return client_.has_ended() != backend_.has_ended(); }
  void Pump();
  State Move(size_t* moved);
  State MoveToBackend(size_t* moved);
  State MoveToClient(size_t* moved);
  State SendClose();
  // The session's part is over: it counts no more. The client may still be taking its last bytes.
  void End(State state);
  void DiscardInput();
  void Close();
  void SetDeadline(absl::Duration patience);
  void RunLater();

  Workbench& bench_;
  Session* session_;  // null: over, lingers until the client has closed too
  const Instant started_at_;
  std::unique_ptr<Timer> timer_;  // there only once something ends
  Stream client_;
  BackendEvents backend_events_;
  Stream backend_;
  const GrantMark grant_;
  const AddressSlot address_;  // the client's place in the count of its address
  FrameScanner frames_;        // backend to client
  // Both together as one text, "203.0.113.9 ada", where an inspection finds them: a string object
  // of each would be 64 bytes more.
  const std::unique_ptr<const char[]> who_;
  uint64_t bytes_ = 0;
  Instant moved_at_;
  uint32_t discarded_ = 0;
  uint16_t close_code_ = 0;
  const bool is_websocket_ : 1;
  const bool is_capped_ : 1;
  const bool is_logged_ : 1;
  const bool is_ignored_ : 1;
  bool has_more_ : 1 = false;  // Move stopped at its bound: nothing may ever wake it again
  bool is_later_ : 1 = false;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_TUNNEL_H_
