#ifndef SPAWNER_TESTS_SIM_SIM_PROXY_H_
#define SPAWNER_TESTS_SIM_SIM_PROXY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/ids.h"
#include "controller/route/route.h"

namespace spawner::sim {

// One proxy process as the contract (proxy_link.proto) has it: routes, gates, connections, usage.
// No network: the world carries what it sends, and calls it.
class SimProxy {
 public:
  // How a request went on.
  enum class Fate { kHeld, kServed, kEnded, kUnknown };
  struct Listener {
    std::function<void(route::FromProxy)> send;
    // A request of `session` reaches the backend of `epoch`; false: nobody listens there (502).
    std::function<bool(const SessionId& session, Epoch epoch)> reach;
    std::function<void(const SessionId& session, Fate fate)> decided;
  };

  SimProxy(std::string id, uint64_t generation, Listener listener)
      : id_(std::move(id)), generation_(generation), listener_(std::move(listener)) {}

  const std::string& id() const { return id_; }
  uint64_t generation() const { return generation_; }
  uint32_t leadership() const { return leadership_; }

  // The link.
  route::Hello MakeHello();
  void OnLinkOpen() { is_linked_ = true; }
  void OnLinkClosed();
  void Deliver(const route::ToProxy& message);
  void ReportUsage();  // once a second
  // Reports nothing at once: what a proxy under load may look like.
  bool is_lazy = false;
  // Does not answer what is open.
  bool is_deaf = false;

  // A backend said that it is busy.
  void Busy(const SessionId& session, absl::Duration ttl);

  // Users.
  void Request(const SessionId& session);
  // Closes one connection, or gives up one request that waits. False: there is none.
  bool Leave(const SessionId& session);

  // A one-time token came; its answer is in `use_answers` when it comes.
  uint64_t UseToken(const SessionId& session, const std::string& grant, absl::Time expires_at,
                    uint32_t leadership);
  std::map<uint64_t, bool> use_answers;  // by what UseToken returned

  // Served by a backend, now.
  int64_t Open(const SessionId& session) const;
  // Waiting for one.
  int64_t Waiting(const SessionId& session) const;
  std::set<Epoch> OpenEpochs(const SessionId& session) const;
  const std::map<SessionId, route::Route>& routes() const { return routes_; }
  // The backend died under its connections.
  void Break(const SessionId& session, Epoch epoch);

 private:
  struct Totals {
    int64_t open = 0;
    uint64_t opened = 0;
    bool operator==(const Totals&) const = default;
  };
  struct Use {
    std::map<Epoch, int64_t> open;
    int64_t held = 0;     // no route, or HOLD, or from before the gate closed
    int64_t waiting = 0;  // behind the gate
    std::map<Epoch, uint64_t> opened;
    std::map<Epoch, Totals> reported;
  };

  route::Inspected Inspect(const route::Inspect& inspect) const;
  void Apply(const route::Routes& routes);
  void ApplyRoute(const route::Route& route, uint64_t version,
                  std::vector<route::GateCount>& gates);
  void Remove(const SessionId& session);
  void Serve(const SessionId& session, Use& use, Epoch epoch);
  int64_t Total(const Use& use) const;
  void Report(const SessionId& session, bool is_urgent_only);
  // By the epoch of the route that the requests came under.
  std::map<Epoch, Totals> ByEpoch(const SessionId& session, const Use& use) const;
  Epoch EpochOf(const SessionId& session) const;
  void Admit(const SessionId& session, Use& use);
  // Appends what is not as last reported; all if `is_complete`.
  void AppendUsage(const SessionId& session, Use& use, bool is_complete, route::Usage& usage);

  const std::string id_;
  const uint64_t generation_;
  const Listener listener_;
  bool is_linked_ = false;
  bool is_welcome_ = false;
  uint32_t leadership_ = 0;
  uint64_t version_ = 0;
  uint64_t last_use_ = 0;
  std::map<SessionId, route::Route> routes_;
  std::map<SessionId, route::Route> table_;  // parts of a snapshot so far
  std::map<SessionId, Epoch> greatest_;
  std::map<SessionId, Use> uses_;
  std::map<SessionId, route::GateCount> gates_;  // closed now
};

}  // namespace spawner::sim

#endif  // SPAWNER_TESTS_SIM_SIM_PROXY_H_
