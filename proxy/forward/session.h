#ifndef SPAWNER_PROXY_FORWARD_SESSION_H_
#define SPAWNER_PROXY_FORWARD_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "proxy/forward/inspection.h"
#include "proxy/forward/upstream.h"
#include "proxy/forward/workbench.h"
#include "proxy/route/route.h"
#include "proxy/route/route_table.h"

namespace spawner::proxy {

class Exchange;
class Sessions;
class Tunnel;

// What one worker does for one session: the requests that wait, those in flight, the idle backend
// connections, and the counts. Every request of the session enters and leaves through Enter, Start
// and Leave, so the counts can't drift from what is there.
// Thread: its worker's. Owner: Sessions.
class Session {
 public:
  Session(Workbench& bench, Sessions& sessions, RouteEntry& entry);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const Route& route() const { return entry_.route; }
  bool is_routed() const { return entry_.is_routed; }
  RouteEntry& entry() { return entry_; }
  // When the route opened: a backend that is young may still refuse.
  Instant opened_at() const { return opened_at_; }

  // `exchange` begins: it counts as open, or as waiting behind a closed gate. False: too many are
  // held.
  bool TryEnter(Exchange& exchange);
  // It waits, counted, and turns out to be on an ignored path.
  void Uncount(Exchange& exchange);
  // It waits no more and is sent to the backend.
  void Start(Exchange& exchange);
  // It is over.
  void Leave(Exchange& exchange);
  // It goes on as a tunnel: still one, and open.
  void Continue(Exchange& exchange, Tunnel& tunnel);
  void Leave(Tunnel& tunnel);
  // The backend said so in a response.
  void OnBusy(absl::string_view value);
  // Of what counts as use.
  void CountBytes(size_t count);

  // Null if none is idle.
  std::unique_ptr<Upstream> TakeIdle();
  // Keeps it for the next request, or closes it: too many, or the route has changed.
  void PutIdle(std::unique_ptr<Upstream> upstream);
  // An idle one that has ended.
  void Drop(Upstream& upstream);
  void DropIdleBefore(Instant idle_since);
  size_t idle() const { return idle_.size(); }

  // The route has changed: what waits goes on or is answered, what is open may be ended.
  void OnRoute(const RouteEvent& event);

  int64_t open() const { return open_; }
  int64_t waiting() const { return waiting_; }
  bool is_idle() const { return open_ == 0 && waiting_ == 0 && ignored_ == 0 && idle_.empty(); }
  SessionTotals Totals() const;
  void Inspect(Inspection* inspection) const;
  void InspectOldest(size_t count, Inspection* inspection) const;

 private:
  friend class Sessions;
  bool TakeRoomToWait();
  // It waits no more. False: it never did.
  bool StopWaiting(Exchange& exchange);
  void AdmitWaiting();
  void SendBehindGate();
  void GoOnPending();
  // Of WebSockets that the route's end closes.
  uint16_t EndCloseCode(bool is_ignored) const;
  void EndActive(bool is_fenced);
  void EndRevoked();
  void RemoveActive(Exchange& exchange);
  void OneLess(bool is_ignored);
  void MarkDirty(bool is_transition);

  Workbench& bench_;
  Sessions& sessions_;
  RouteEntry& entry_;
  // In the order they came; few, so a plain vector.
  std::vector<Exchange*> pending_;
  std::vector<Exchange*> active_;
  std::vector<Tunnel*> tunnels_;
  std::vector<std::unique_ptr<Upstream>> idle_;  // the one used last at the end
  int64_t open_ = 0;
  int64_t held_ = 0;
  int64_t waiting_ = 0;
  int64_t ignored_ = 0;        // on ignored paths: in none of the counts above
  uint64_t opened_total_ = 0;  // of this incarnation, as bytes_total_
  uint64_t bytes_total_ = 0;
  Instant last_active_;
  Instant opened_at_;
  Instant asked_at_;         // of an id without a route: when the controller was asked
  size_t place_ = 0;         // in Sessions' list
  bool maybe_over_ = false;  // among those that it looks at when the turn ends
  bool is_dirty_ = false;    // among those whose counts it reports next
  bool is_swept_ = false;    // among those that it sweeps for idle connections
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_SESSION_H_
