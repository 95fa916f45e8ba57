#include "tests/sim/sim_proxy.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace spawner::sim {

using route::RouteState;

int64_t SimProxy::Total(const Use& use) const {
  int64_t total = use.held + use.waiting;
  for (const auto& [epoch, open] : use.open) total += open;
  return total;
}

Epoch SimProxy::EpochOf(const SessionId& session) const {
  const auto route = routes_.find(session);
  return route == routes_.end() ? Epoch{} : route->second.epoch;
}

std::map<Epoch, SimProxy::Totals> SimProxy::ByEpoch(const SessionId& session,
                                                    const Use& use) const {
  std::map<Epoch, Totals> totals;
  for (const auto& [epoch, open] : use.open) totals[epoch].open += open;
  for (const auto& [epoch, opened] : use.opened) totals[epoch].opened = opened;
  totals[EpochOf(session)].open += use.held + use.waiting;
  return totals;
}

void SimProxy::AppendUsage(const SessionId& session, Use& use, bool is_complete,
                           route::Usage& usage) {
  std::map<Epoch, Totals> totals = ByEpoch(session, use);
  for (const auto& [epoch, former] : use.reported) {
    totals.try_emplace(epoch, Totals{0, former.opened});
  }
  for (const auto& [epoch, total] : totals) {
    const auto reported = use.reported.find(epoch);
    if (!is_complete && reported != use.reported.end() && reported->second == total) continue;
    route::SessionUsage entry;
    entry.session = session;
    entry.epoch = epoch;
    entry.open = total.open;
    entry.opened_total = total.opened;
    usage.sessions.push_back(std::move(entry));
  }
  std::erase_if(totals, [this, &session](const auto& item) {
    return item.second.open == 0 && item.first < EpochOf(session);  // over, and said so
  });
  use.reported = std::move(totals);
}

route::Hello SimProxy::MakeHello() {
  route::Hello hello;
  hello.proxy_id = id_;
  hello.generation = generation_;
  hello.version = "sim";
  hello.leadership = leadership_;
  hello.route_version = version_;
  for (auto& [session, use] : uses_) AppendUsage(session, use, true, hello.usage);
  hello.usage.is_complete = true;
  return hello;
}

void SimProxy::OnLinkClosed() {
  is_linked_ = false;
  is_welcome_ = false;
  table_.clear();
}

void SimProxy::Deliver(const route::ToProxy& message) {
  if (const auto* welcome = std::get_if<route::Welcome>(&message)) {
    is_welcome_ = true;
    if (welcome->leadership != leadership_) {
      leadership_ = welcome->leadership;
      version_ = 0;
      gates_.clear();
    } else if (version_ > 0) {
      // The newest ack may have been lost: again, with the gates that are closed still.
      route::Ack ack{leadership_, version_, {}};
      for (const auto& [session, gate] : gates_) ack.gates.push_back(gate);
      listener_.send(std::move(ack));
    }
    for (auto& [session, use] : uses_) {
      if (routes_.count(session) == 0 && use.held > 0) listener_.send(route::Query{session});
    }
  } else if (const auto* routes = std::get_if<route::Routes>(&message)) {
    if (is_welcome_) Apply(*routes);
  } else if (const auto* beat = std::get_if<route::ControllerHeartbeat>(&message)) {
    listener_.send(route::ProxyHeartbeat{beat->sequence});
  } else if (const auto* inspect = std::get_if<route::Inspect>(&message)) {
    if (!is_deaf) listener_.send(Inspect(*inspect));
  } else if (const auto* use = std::get_if<route::UseTokenAnswer>(&message)) {
    use_answers[use->sequence] = use->is_first_use;
  } else if (const auto* unknown = std::get_if<route::RouteUnknown>(&message)) {
    if (routes_.count(unknown->session) == 0) Remove(unknown->session);
  }
}

route::Inspected SimProxy::Inspect(const route::Inspect& inspect) const {
  route::Inspected answer{.sequence = inspect.sequence, .connections = {}};
  const auto add = [&](int64_t count, int kind) {
    for (int64_t i = 0; i < count; ++i) {
      if (answer.connections.size() >= static_cast<size_t>(inspect.connections_max)) return;
      answer.connections.push_back({.kind = kind, .age = absl::Seconds(1), .peer = id_});
    }
  };
  add(Open(inspect.session), 1);
  add(Waiting(inspect.session), 4);
  return answer;
}

uint64_t SimProxy::UseToken(const SessionId& session, const std::string& grant,
                            absl::Time expires_at, uint32_t leadership) {
  route::UseToken use = {.sequence = ++last_use_, .leadership = leadership};
  use.session = session;
  use.grant_id = grant;
  use.expires_at = expires_at;
  listener_.send(std::move(use));
  return last_use_;
}

void SimProxy::Apply(const route::Routes& routes) {
  std::vector<route::GateCount> gates;
  if (routes.is_snapshot) {
    for (const route::Route& route : routes.routes) table_[route.session] = route;
    if (!routes.is_last) return;
    std::vector<SessionId> gone;
    for (const auto& [session, route] : routes_) {
      if (table_.count(session) == 0) gone.push_back(session);
    }
    for (const SessionId& session : gone) Remove(session);
    for (const auto& [session, route] : std::exchange(table_, {})) {
      ApplyRoute(route, routes.version, gates);
    }
  } else {
    if (routes.version < version_) return;
    for (const route::Route& route : routes.routes) ApplyRoute(route, routes.version, gates);
    for (const SessionId& session : routes.removed) Remove(session);
  }
  version_ = routes.version;
  listener_.send(route::Ack{leadership_, version_, std::move(gates)});
}

void SimProxy::ApplyRoute(const route::Route& route, uint64_t version,
                          std::vector<route::GateCount>& gates) {
  Epoch& greatest = greatest_[route.session];
  if (route.epoch < greatest) return;  // fenced
  greatest = route.epoch;
  Use& use = uses_[route.session];
  if (EpochOf(route.session) < route.epoch) {
    // What is held counts for the new incarnation, and nothing else does.
    use.opened.clear();
    if (use.held > 0) use.opened[route.epoch] = static_cast<uint64_t>(use.held);
  }
  routes_[route.session] = route;
  if (route.state != RouteState::kGated) gates_.erase(route.session);
  switch (route.state) {
    case RouteState::kHold:
      Admit(route.session, use);
      break;
    case RouteState::kOpen:
      Admit(route.session, use);
      while (use.held > 0) {
        --use.held;
        Serve(route.session, use, route.epoch);
      }
      break;
    case RouteState::kGated: {
      route::GateCount gate{route.session, route.epoch, version, 0, use.waiting};
      gate.open = Total(use) - use.waiting;
      gates_.insert_or_assign(route.session, gate);
      gates.push_back(gate);
      break;
    }
    case RouteState::kEnded:
      for (int64_t i = use.held + use.waiting; i > 0; --i) {
        listener_.decided(route.session, Fate::kEnded);
      }
      use.held = use.waiting = 0;
      use.open.clear();
      break;
  }
  Report(route.session, true);
}

void SimProxy::Remove(const SessionId& session) {
  routes_.erase(session);
  gates_.erase(session);
  const auto found = uses_.find(session);
  if (found == uses_.end()) return;
  for (int64_t i = found->second.held + found->second.waiting; i > 0; --i) {
    listener_.decided(session, Fate::kUnknown);
  }
  found->second.held = found->second.waiting = 0;
  found->second.open.clear();
  found->second.opened.clear();
  Report(session, true);
}

// The gate is open again, or the next incarnation has begun: those behind it count.
void SimProxy::Admit(const SessionId& session, Use& use) {
  if (use.waiting > 0) use.opened[EpochOf(session)] += static_cast<uint64_t>(use.waiting);
  use.held += std::exchange(use.waiting, 0);
}

void SimProxy::Serve(const SessionId& session, Use& use, Epoch epoch) {
  if (!listener_.reach(session, epoch)) {
    listener_.decided(session, Fate::kEnded);
    return;
  }
  ++use.open[epoch];
  listener_.decided(session, Fate::kServed);
}

void SimProxy::Busy(const SessionId& session, absl::Duration ttl) {
  if (!is_linked_ || !is_welcome_) return;
  listener_.send(route::HoldRequest{1, session, EpochOf(session), ttl, "exporting"});
}

void SimProxy::Request(const SessionId& session) {
  Use& use = uses_[session];
  const auto route = routes_.find(session);
  if (route == routes_.end()) {
    if (!is_linked_) return listener_.decided(session, Fate::kHeld);  // 503, Retry-After
    ++use.held;
    ++use.opened[Epoch{}];
    listener_.send(route::Query{session});
    return Report(session, true);
  }
  switch (route->second.state) {
    case RouteState::kHold:
      ++use.held;
      ++use.opened[route->second.epoch];
      break;
    case RouteState::kOpen:
      ++use.opened[route->second.epoch];
      Serve(session, use, route->second.epoch);
      break;
    case RouteState::kGated:
      ++use.waiting;
      break;
    case RouteState::kEnded:
      return listener_.decided(session, Fate::kEnded);
  }
  Report(session, true);
}

bool SimProxy::Leave(const SessionId& session) {
  const auto found = uses_.find(session);
  if (found == uses_.end()) return false;
  Use& use = found->second;
  if (!use.open.empty()) {
    const auto first = use.open.begin();
    if (--first->second == 0) use.open.erase(first);
  } else if (use.held > 0) {
    --use.held;
  } else if (use.waiting > 0) {
    --use.waiting;
  } else {
    return false;
  }
  Report(session, true);
  return true;
}

void SimProxy::Break(const SessionId& session, Epoch epoch) {
  const auto found = uses_.find(session);
  if (found == uses_.end() || found->second.open.erase(epoch) == 0) return;
  Report(session, true);
}

void SimProxy::Report(const SessionId& session, bool is_urgent_only) {
  if (!is_linked_) return;
  Use& use = uses_[session];
  bool is_urgent = false;
  const std::map<Epoch, Totals> totals = ByEpoch(session, use);
  for (const auto& [epoch, total] : totals) {
    const auto reported = use.reported.find(epoch);
    const int64_t before = reported == use.reported.end() ? 0 : reported->second.open;
    is_urgent = is_urgent || (total.open > 0) != (before > 0);
  }
  for (const auto& [epoch, before] : use.reported) {
    if (before.open > 0 && totals.count(epoch) == 0) is_urgent = true;
  }
  if (is_urgent_only && (!is_urgent || is_lazy)) return;
  route::Usage usage;
  AppendUsage(session, use, false, usage);
  if (!usage.sessions.empty()) listener_.send(std::move(usage));
}

void SimProxy::ReportUsage() {
  for (const auto& [session, use] : uses_) Report(session, false);
}

int64_t SimProxy::Open(const SessionId& session) const {
  const auto found = uses_.find(session);
  if (found == uses_.end()) return 0;
  return Total(found->second) - found->second.held - found->second.waiting;
}

int64_t SimProxy::Waiting(const SessionId& session) const {
  const auto found = uses_.find(session);
  return found == uses_.end() ? 0 : found->second.held + found->second.waiting;
}

std::set<Epoch> SimProxy::OpenEpochs(const SessionId& session) const {
  std::set<Epoch> epochs;
  const auto found = uses_.find(session);
  if (found == uses_.end()) return epochs;
  for (const auto& [epoch, open] : found->second.open) epochs.insert(epoch);
  return epochs;
}

}  // namespace spawner::sim
