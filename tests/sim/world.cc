#include "tests/sim/world.h"

#include <algorithm>
#include <variant>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "controller/session/pod_template.h"

namespace spawner::sim {
namespace {

constexpr absl::Duration kDialEvery = absl::Milliseconds(500);
constexpr absl::Duration kLinkSilence = absl::Seconds(5);
// At one instant: more is a loop that never rests.
constexpr int kTurnsPerInstantMax = 2000;

}  // namespace

// The controller's end of a link.
class World::Peer final : public core::ProxyPeer {
 public:
  Peer(World& world, size_t index) : world_(world), index_(index) {}

  void Send(route::ToProxy message) override {
    Link& link = world_.links_[index_];
    if (link.is_ending) return;
    const bool is_last = std::holds_alternative<route::NotLeader>(message);
    link.down.push_back({world_.Arrival(link.down), std::move(message)});
    link.is_ending = is_last;
  }
  void Close(const absl::Status& status) override { world_.links_[index_].is_ending = true; }

 private:
  World& world_;
  const size_t index_;
};

World::World(uint64_t seed, int controllers)
    : random(seed), runtime(clock), kubernetes(clock, random, runtime) {
  options.namespaces = {kNamespace};
  options.install_secret = "secret";
  options.kubernetes = "sim";
  controllers_.resize(controllers);
  kubernetes.SetFaultHook([this](const kube::HttpRequest& request) {
    return on_request ? on_request(request) : std::nullopt;
  });
}

World::~World() = default;

void World::StartController(size_t index) {
  SPAWNER_CHECK(controllers_[index] == nullptr);
  const std::string identity = absl::StrCat("controller-", index, "-", ++processes_);
  core::CoreOptions own = options;
  own.controller_id = identity;
  controllers_[index] = std::make_unique<Controller>(kubernetes, clock, random, identity, own);
}

void World::KillController(size_t index) {
  for (Link& link : links_) {
    if (link.peer == nullptr || link.controller != index) continue;
    link.peer.reset();
    link.up.clear();
    link.down.clear();
    link.is_ending = false;
    if (link.proxy != nullptr) link.proxy->OnLinkClosed();
  }
  controllers_[index].reset();
}

Controller* World::leader() {
  for (const auto& controller : controllers_) {
    if (controller != nullptr && controller->elector.IsLeader(clock.Now())) return controller.get();
  }
  return nullptr;
}

void World::StartProxy(size_t index) {
  if (index >= links_.size()) links_.resize(index + 1);
  Link& link = links_[index];
  SPAWNER_CHECK(link.proxy == nullptr);
  SimProxy::Listener listener;
  listener.send = [this, index](route::FromProxy message) {
    Link& own = links_[index];
    if (own.peer != nullptr) own.up.push_back({Arrival(own.up), std::move(message)});
  };
  listener.reach = [this](const SessionId& session, Epoch epoch) {
    if (!IsServing(session, epoch)) return false;
    if (on_served) on_served(session, epoch);
    return true;
  };
  listener.decided = [this](const SessionId& session, SimProxy::Fate fate) {
    if (on_decided) on_decided(session, fate);
  };
  link.proxy = std::make_unique<SimProxy>(absl::StrCat("proxy-", index), ++link.generation,
                                          std::move(listener));
  link.dial_at = clock.Now();
}

void World::KillProxy(size_t index) {
  Link& link = links_[index];
  CloseLink(link);
  link.proxy.reset();
}

int64_t World::Open(const SessionId& session) const {
  int64_t open = 0;
  for (const Link& link : links_) open += link.proxy == nullptr ? 0 : link.proxy->Open(session);
  return open;
}

int64_t World::Waiting(const SessionId& session) const {
  int64_t waiting = 0;
  for (const Link& link : links_) {
    waiting += link.proxy == nullptr ? 0 : link.proxy->Waiting(session);
  }
  return waiting;
}

// --- time ----------------------------------------------------------------------------------------

void World::RunFor(absl::Duration d) {
  RunUntil([] { return false; }, d);
}

bool World::RunUntil(const std::function<bool()>& done, absl::Duration d) {
  const Instant end = clock.Now() + d;
  int turns = 0;
  while (true) {
    Turn();
    if (on_step) on_step();
    if (done()) return true;
    const Instant next = NextEvent();
    if (next <= clock.Now()) {
      SPAWNER_CHECK(++turns < kTurnsPerInstantMax);
      continue;
    }
    turns = 0;
    if (next > end) {
      clock.AdvanceTo(end);
      return done();
    }
    clock.AdvanceTo(next);
  }
}

void World::Turn() {
  for (Link& link : links_) MoveLink(link);
  for (const auto& controller : controllers_) {
    if (controller != nullptr) controller->engine.Step(clock.Now());
  }
  kubernetes.Poll(absl::ZeroDuration());
  BreakDeadBackends();
}

Instant World::NextEvent() {
  Instant next = kubernetes.NextWake();
  for (const auto& controller : controllers_) {
    if (controller != nullptr) next = std::min(next, controller->engine.NextWake());
  }
  for (const Link& link : links_) {
    if (link.proxy == nullptr) continue;
    if (link.peer == nullptr) {
      next = std::min(next, std::max(link.dial_at, clock.Now() + absl::Milliseconds(1)));
      continue;
    }
    next = std::min({next, link.report_at, link.heard_at + kLinkSilence});
    if (link.is_cut) continue;
    if (!link.up.empty()) next = std::min(next, link.up.front().at);
    if (!link.down.empty()) next = std::min(next, link.down.front().at);
  }
  return next;
}

// --- the network ---------------------------------------------------------------------------------

Instant World::Arrival(const std::deque<InFlight<route::ToProxy>>& queue) {
  const Instant at =
      clock.Now() + absl::Nanoseconds(random.Below(absl::ToInt64Nanoseconds(delay_max) + 1));
  return queue.empty() ? at : std::max(at, queue.back().at);
}

Instant World::Arrival(const std::deque<InFlight<route::FromProxy>>& queue) {
  const Instant at =
      clock.Now() + absl::Nanoseconds(random.Below(absl::ToInt64Nanoseconds(delay_max) + 1));
  return queue.empty() ? at : std::max(at, queue.back().at);
}

void World::MoveLink(Link& link) {
  if (link.proxy == nullptr) return;
  const Instant now = clock.Now();
  if (link.peer == nullptr) {
    if (now >= link.dial_at) Dial(link);
    return;
  }
  if (now >= link.report_at) {
    link.proxy->ReportUsage();
    link.report_at = now + absl::Seconds(1);
  }
  if (!link.is_cut) {
    while (link.peer != nullptr && !link.up.empty() && link.up.front().at <= now) {
      route::FromProxy message = std::move(link.up.front().message);
      link.up.pop_front();
      controllers_[link.controller]->engine.core().OnLinkMessage(link.id, std::move(message));
    }
    while (!link.down.empty() && link.down.front().at <= now) {
      const route::ToProxy message = std::move(link.down.front().message);
      link.down.pop_front();
      link.heard_at = now;
      link.proxy->Deliver(message);
    }
    if (link.is_ending && link.down.empty()) CloseLink(link);
  }
  if (link.peer != nullptr && now >= link.heard_at + kLinkSilence) CloseLink(link);
}

void World::Dial(Link& link) {
  link.dial_at = clock.Now() + kDialEvery;
  if (link.is_cut) return;
  // A Service picks any controller that runs.
  std::vector<size_t> running;
  for (size_t i = 0; i < controllers_.size(); ++i) {
    if (controllers_[i] != nullptr) running.push_back(i);
  }
  if (running.empty()) return;
  link.controller = running[random.Below(running.size())];
  link.peer = std::make_unique<Peer>(*this, static_cast<size_t>(&link - links_.data()));
  link.is_ending = false;
  link.heard_at = clock.Now();
  link.report_at = clock.Now() + absl::Seconds(1);
  link.id = controllers_[link.controller]->engine.core().OpenLink(link.peer.get());
  link.proxy->OnLinkOpen();
  link.up.push_back({Arrival(link.up), link.proxy->MakeHello()});
}

void World::CloseLink(Link& link) {
  if (link.peer == nullptr) return;
  // What was under way is lost.
  link.up.clear();
  link.down.clear();
  link.is_ending = false;
  const auto& controller = controllers_[link.controller];
  if (controller != nullptr) controller->engine.core().CloseLink(link.id);
  link.peer.reset();
  if (link.proxy != nullptr) link.proxy->OnLinkClosed();
  link.dial_at = clock.Now() + kDialEvery;
}

// --- backends ------------------------------------------------------------------------------------

bool World::IsServing(const SessionId& session, Epoch epoch) {
  const local::Object pod =
      kubernetes.store().Find({local::Resource::kPods, kNamespace, PodName(session, epoch)});
  if (pod == nullptr) return false;
  const auto status = pod->find("status");
  return status != pod->end() && status->value("phase", "") == "Running";
}

void World::BreakDeadBackends() {
  for (Link& link : links_) {
    if (link.proxy == nullptr) continue;
    for (const auto& [session, route] : link.proxy->routes()) {
      for (const Epoch epoch : link.proxy->OpenEpochs(session)) {
        if (!IsServing(session, epoch)) link.proxy->Break(session, epoch);
      }
    }
  }
}

}  // namespace spawner::sim
