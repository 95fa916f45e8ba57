#ifndef SPAWNER_CONTROLLER_CORE_LINKS_H_
#define SPAWNER_CONTROLLER_CORE_LINKS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "controller/core/leadership.h"
#include "controller/core/service.h"
#include "controller/route/proxy_registry.h"
#include "controller/route/route.h"
#include "controller/route/route_log.h"

namespace spawner::core {

// The streams to the proxies: brings each the routes it lacks, hands what it says to the registry,
// ends links that break the protocol or fall silent.
// Thread: the loop's. Owner: Core.
class Links {
 public:
  using LinkId = Service::LinkId;

  Links(const route::RouteLog& log, route::ProxyRegistry& registry)
      : log_(log), registry_(registry) {}
  Links(const Links&) = delete;
  Links& operator=(const Links&) = delete;

  // What admitted proxies say beside routes and use.
  using Listener = std::function<void(LinkId, const route::FromProxy&, Instant now)>;
  void SetListener(Listener listener) { listener_ = std::move(listener); }
  // To an admitted proxy; dropped if the link is over. False: it was dropped.
  bool Send(LinkId id, route::ToProxy message);
  // To all admitted proxies.
  void SendToAll(const route::ToProxy& message);

  LinkId Open(ProxyPeer* peer, Instant now);
  void OnMessage(LinkId id, route::FromProxy message, Instant now);
  void Close(LinkId id, Instant now);

  // Who leads. A change of our own term, or a leader that is another, ends all links: the proxies
  // dial again.
  void SetLeadership(const Leadership& leadership, Instant now);
  // From now on the log holds every session's route: proxies may have it.
  void SetRoutesComplete() { are_routes_complete_ = true; }

  // The roster as it is to be stored, if it is not; OnRosterSaved confirms it.
  std::optional<std::string> RosterToSave();
  void OnRosterSaved(const std::string& roster);

  // Admits, sends, beats, times out. Call in every turn, after the routes have changed.
  void Step(Instant now);
  Instant NextWake() const;

  // Greatest leadership that a proxy has followed.
  uint32_t leadership_seen() const { return leadership_seen_; }

 private:
  struct Link {
    ProxyPeer* peer = nullptr;
    Instant opened_at;
    bool has_hello = false;
    bool is_admitted = false;
    bool is_over = false;  // NotLeader or Close was sent: nothing more is
    uint64_t resume_from = 0;
    uint64_t sent = 0;
  };

  absl::Status Take(LinkId id, Link& link, route::FromProxy& message, Instant now);
  absl::Status TakeHello(LinkId id, Link& link, const route::Hello& hello, Instant now);
  void Answer(Link& link, const route::Query& query);
  void Admit(LinkId id, Link& link);
  void SendRoutes(LinkId id, Link& link);
  void Refuse(LinkId id, Link& link, Instant now);
  void End(LinkId id, Link& link, const absl::Status& status, Instant now);

  const route::RouteLog& log_;
  route::ProxyRegistry& registry_;
  Listener listener_;
  Leadership leadership_;
  bool are_routes_complete_ = false;
  uint32_t leadership_seen_ = 0;
  std::map<LinkId, Link> links_;
  LinkId last_id_ = 0;
  std::string saved_roster_;
  std::string roster_;  // as the registry has it, at `roster_serial_`
  uint64_t roster_serial_ = 0;
  uint64_t heartbeat_ = 0;
  Instant next_heartbeat_;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_LINKS_H_
