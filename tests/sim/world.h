#ifndef SPAWNER_TESTS_SIM_WORLD_H_
#define SPAWNER_TESTS_SIM_WORLD_H_

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "controller/core/engine.h"
#include "controller/kube/http_kube_client.h"
#include "controller/kube/lease.h"
#include "controller/local/local_kubernetes.h"
#include "controller/local/scripted_runtime.h"
#include "tests/sim/sim_proxy.h"

namespace spawner::sim {

inline constexpr char kNamespace[] = "team";

// A controller process. Its end is kill -9: nothing is said any more, requests in flight vanish.
struct Controller {
  Controller(local::LocalKubernetes& kubernetes, const Clock& clock, Random& random,
             const std::string& identity, const core::CoreOptions& options)
      : client(kubernetes),
        elector(client, clock, random,
                {.ns = kNamespace, .identity = identity, .address = identity}),
        engine({kubernetes, client, elector, clock, random}, options) {}

  kube::HttpKubeClient client;
  kube::LeaseElector elector;
  core::Engine engine;
};

// Everything, on one thread and one clock, from one seed: a Kubernetes, controllers, proxies and
// the streams between them, which delay, and break.
class World {
 public:
  explicit World(uint64_t seed, int controllers = 1);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Lets everything happen that is due within `d`.
  void RunFor(absl::Duration d);
  // The same until `done`, at most for `d`. False: it is not done.
  bool RunUntil(const std::function<bool()>& done, absl::Duration d);

  // Processes.
  void StartController(size_t index);
  void KillController(size_t index);
  Controller* controller(size_t index) { return controllers_[index].get(); }
  Controller* leader();
  // The proxy's next process; `id` is its index.
  void StartProxy(size_t index);
  void KillProxy(size_t index);  // its users' connections are gone
  SimProxy* proxy(size_t index) { return links_[index].proxy.get(); }
  size_t proxies() const { return links_.size(); }

  // The network between a proxy and every controller.
  void Partition(size_t index, bool is_cut) { links_[index].is_cut = is_cut; }
  bool IsCut(size_t index) const { return links_[index].is_cut; }
  void BreakLink(size_t index) { CloseLink(links_[index]); }
  absl::Duration delay_max = absl::ZeroDuration();  // of each message

  // Of all proxies.
  int64_t Open(const SessionId& session) const;
  int64_t Waiting(const SessionId& session) const;

  FakeClock clock;
  SeededRandom random;
  local::ScriptedRuntime runtime;
  local::LocalKubernetes kubernetes;

  // Told by proxies and the API server.
  std::function<void(const SessionId&, Epoch)> on_served;
  std::function<void(const SessionId&, SimProxy::Fate)> on_decided;
  // Before a request is served: an answer instead of it.
  std::function<std::optional<local::LocalKubernetes::Fault>(const kube::HttpRequest&)> on_request;
  // After each instant.
  std::function<void()> on_step;
  core::CoreOptions options;

 private:
  class Peer;
  template <typename T>
  struct InFlight {
    Instant at;
    T message;
  };
  struct Link {
    std::unique_ptr<SimProxy> proxy;
    uint64_t generation = 0;
    bool is_cut = false;
    std::unique_ptr<Peer> peer;  // null: not linked
    core::Service::LinkId id = 0;
    size_t controller = 0;
    std::deque<InFlight<route::ToProxy>> down;
    std::deque<InFlight<route::FromProxy>> up;
    bool is_ending = false;  // what is under way comes, then the link ends
    Instant heard_at;        // by the proxy
    Instant dial_at;
    Instant report_at;
  };

  void Turn();
  Instant NextEvent();
  void MoveLink(Link& link);
  void Dial(Link& link);
  void CloseLink(Link& link);
  Instant Arrival(const std::deque<InFlight<route::ToProxy>>& queue);
  Instant Arrival(const std::deque<InFlight<route::FromProxy>>& queue);
  bool IsServing(const SessionId& session, Epoch epoch);
  void BreakDeadBackends();

  std::vector<std::unique_ptr<Controller>> controllers_;
  uint64_t processes_ = 0;
  std::vector<Link> links_;
};

}  // namespace spawner::sim

#endif  // SPAWNER_TESTS_SIM_WORLD_H_
