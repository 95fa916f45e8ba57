#ifndef SPAWNER_CONTROLLER_ROUTE_PROXY_REGISTRY_H_
#define SPAWNER_CONTROLLER_ROUTE_PROXY_REGISTRY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/ids.h"
#include "controller/route/proxy_usage.h"
#include "controller/route/roster.h"
#include "controller/route/route.h"

namespace spawner::route {

// Every proxy process that may serve somebody, and what each last said: acks, gate counts, usage.
// A closed link is no proof of death: the process stays, lost, with its last counts, until its pod
// is known to be gone, a newer process of the same id reports, it comes back, or `lost_proxy_hold`
// is over. No I/O: the core carries the messages.
// Thread: the loop's. Owner: Core.
class ProxyRegistry {
 public:
  using LinkId = uint64_t;  // never 0

  // `lost_proxy_hold` infinite: never given up.
  explicit ProxyRegistry(absl::Duration lost_proxy_hold) : lost_proxy_hold_(lost_proxy_hold) {}

  // A new term: acks and gate counts of the former are void.
  void BeginTerm(uint32_t leadership);
  // Processes that a former leader knew: lost until they report.
  void LoadRoster(const std::vector<RosterEntry>& entries, Instant now);
  std::vector<RosterEntry> Roster() const;
  uint64_t roster_serial() const { return roster_serial_; }  // changes whenever Roster does

  // INVALID_ARGUMENT for a hello that is malformed, RESOURCE_EXHAUSTED beyond kProxiesMax. On
  // success `replaced_link` is the process's former link, if it has one: to be closed.
  absl::Status OnHello(LinkId link, const Hello& hello, Instant now, LinkId& replaced_link);
  // INVALID_ARGUMENT if the peer breaks the protocol: the link is to be closed.
  absl::Status OnAck(LinkId link, const Ack& ack, Instant now);
  absl::Status OnUsage(LinkId link, const Usage& usage, Instant now);
  void OnHeartbeat(LinkId link, Instant now);
  void OnLeaving(LinkId link, Instant now);
  void OnLinkClosed(LinkId link, Instant now);
  // All routes up to `version` have been queued for the link.
  void OnRoutesSent(LinkId link, uint64_t version);
  // Proof of death: the pod with this uid does not exist.
  void OnPodGone(absl::string_view pod_uid, Instant now);
  // Gives up what is lost for too long.
  void Expire(Instant now);
  Instant NextExpiry() const;
  // Links that have been silent for kSilenceMax.
  std::vector<LinkId> SilentLinks(Instant now) const;

  // Every connected proxy has acknowledged `version` of the present term.
  bool IsAcked(uint64_t version) const;

  struct GateSum {
    bool is_counted = false;  // by every connected proxy
    int64_t open = 0;
    int64_t waiting = 0;
  };
  // Of the gate that closed at `version` and has been closed since.
  GateSum SumGate(const SessionId& session, Epoch epoch, uint64_t version) const;

  struct UsageSum {
    int64_t open = 0;  // of every epoch: a connection is a connection
    int64_t held = 0;
    uint64_t opened_total = 0;  // of the epoch asked for
    bool is_known = true;
    Instant known_at = Instant::Infinite();
    std::string given_up;  // id of a given-up proxy that may have served it
  };
  // `first_version`: of the incarnation's first route in this term; 0 if it is older than the term.
  UsageSum SumUsage(const SessionId& session, Epoch epoch, uint64_t first_version) const;

  // Of processes that have something of the session, or are lost and may have.
  std::vector<ProxyUsage> UsageOf(const SessionId& session, Epoch epoch, uint64_t first_version,
                                  Instant now) const;
  // What happened since the last call.
  struct Changes {
    bool is_roster_changed = false;
    bool is_anything_acked = false;
    std::vector<SessionId> sessions;  // whose usage or gate count changed
    std::vector<SessionId> used;      // that something was opened in, since the last report
    // A process that could not be asked is accounted for: sessions whose first route is not newer
    // than `up_to` may have been used until `used_until`.
    struct Accounted {
      uint64_t up_to = 0;
      Instant used_until;
    };
    std::vector<Accounted> accounted;
  };
  Changes TakeChanges() { return std::exchange(changes_, {}); }

  void ForgetSession(const SessionId& session);

  struct Listed {
    RosterEntry entry;
    std::string version;
    LinkId link = 0;
    bool is_connected = false;
    absl::Duration lost_for;
    uint64_t acked = 0;
    int64_t connections = 0;
  };
  std::vector<Listed> List(Instant now) const;

 private:
  struct Proxy;
  using ProxyKey = std::pair<std::string, uint64_t>;  // id, generation: in order of age
  using UsageKey = std::pair<SessionId, Epoch>;

  Proxy* FindByLink(LinkId link);
  void Lose(Proxy& proxy, Instant now);
  void Remove(const ProxyKey& key, Instant now);
  void NoteAccounted(const Proxy& proxy, Instant used_until);
  absl::Status TakeUsage(Proxy& proxy, const Usage& usage);

  struct Proxy {
    RosterEntry entry;
    std::string version;
    LinkId link = 0;  // 0: lost
    Instant lost_at;
    bool is_given_up = false;
    bool is_leaving = false;
    Instant heard_at;
    uint64_t acked = 0;
    uint64_t sent = 0;  // what it may know of this term
    std::map<UsageKey, SessionUsage> usage;
    absl::flat_hash_map<SessionId, GateCount> gates;
  };

  const absl::Duration lost_proxy_hold_;
  uint32_t leadership_ = 0;
  std::map<ProxyKey, Proxy> proxies_;
  absl::flat_hash_map<LinkId, ProxyKey> links_;
  Changes changes_;
  uint64_t roster_serial_ = 0;
};

}  // namespace spawner::route

#endif  // SPAWNER_CONTROLLER_ROUTE_PROXY_REGISTRY_H_
