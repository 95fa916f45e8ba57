// One look at a session: plan, write, show, publish.
#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "controller/core/core.h"
#include "controller/core/limits.h"
#include "controller/core/slot_grants.h"
#include "controller/session/visitor_message.h"

namespace spawner::core {
namespace {

route::RouteState StateOf(RouteGoal goal) {
  switch (goal) {
    case RouteGoal::kHold:
      return route::RouteState::kHold;
    case RouteGoal::kOpen:
      return route::RouteState::kOpen;
    case RouteGoal::kGated:
      return route::RouteState::kGated;
    case RouteGoal::kEnded:
      break;
  }
  return route::RouteState::kEnded;
}

route::Route RouteOf(const Incarnation& incarnation) {
  const Plan& plan = incarnation.plan;
  const SessionSpec& spec = *incarnation.session.spec;
  route::Route route;
  route.session = incarnation.identity.id;
  route.epoch = incarnation.identity.epoch;
  route.state = StateOf(plan.route);
  const bool has_address = plan.route == RouteGoal::kOpen || plan.route == RouteGoal::kGated;
  route.policy = std::make_shared<route::RoutePolicy>(
      route::RoutePolicy{.ns = incarnation.identity.ns,
                         .protocol = has_address ? static_cast<int>(spec.protocol) : 0,
                         .token_required = spec.access.token_required,
                         .strip_prefix = spec.access.strip_prefix,
                         .hold_timeout = kHoldTimeout,
                         .allowed_origins = spec.access.allowed_origins,
                         .embed_origins = spec.access.embed_origins,
                         .ignore_paths = spec.idle.ignore_paths,
                         .max_connections = spec.access.max_connections});
  if (incarnation.warning.has_value()) {
    route.near_end = route::RouteEnd{incarnation.warning->ends_at,
                                     static_cast<int>(incarnation.warning->end.as)};
  }
  if (has_address) {
    route.ip = incarnation.pod->pod.ip;
    route.port = spec.port;
  }
  if (plan.route == RouteGoal::kHold) route.phase = static_cast<int>(plan.phase);
  if (plan.route == RouteGoal::kEnded) {
    route.reason = static_cast<int>(plan.reason);
    route.message = VisitorMessage(plan.reason, plan.exit_code, spec);
  }
  return route;
}

}  // namespace

void Core::LookAt(const SessionId& id, Instant now) {
  const auto found = table_.slots.find(id);
  if (found == table_.slots.end()) return;
  Slot& slot = found->second;
  Instant wake_at = Instant::Infinite();
  std::vector<Epoch> forgotten;
  size_t ended = 0;
  for (auto& [epoch, incarnation] : slot.incarnations) ended += IsEnded(*incarnation) ? 1 : 0;
  for (auto& [epoch, incarnation] : slot.incarnations) {
    const bool is_newest = incarnation.get() == slot.newest();
    if (!is_newest && !IsEnded(*incarnation) && table_.leadership.is_leader &&
        !incarnation->session.decision.has_value()) {
      incarnation->session.decision =
          EndDecision{EndReason::kReplaced, "an incarnation with a greater epoch took over", true};
    }
    if (!is_newest && ended > kEndedPerSessionMax && IsEnded(*incarnation)) {
      incarnation->session.is_surplus = true;
      --ended;
    }
    TakePlan(*incarnation, is_newest, now);
    wake_at = std::min(wake_at, incarnation->plan.wake_at);
    if (!incarnation->is_writing && incarnation->write_not_before > now &&
        Writes::IsDue(*incarnation)) {
      wake_at = std::min(wake_at, incarnation->write_not_before);
    }
    for (Feature* feature : table_.features) feature->OnPlanned(*incarnation, now, wake_at);
    if (incarnation->plan.is_forgotten) forgotten.push_back(epoch);
  }
  for (const Epoch epoch : forgotten) {
    Incarnation& incarnation = *slot.incarnations.at(epoch);
    if (incarnation.shown.has_value()) {
      table_.events.Append(WatchEventType::kDeleted, table_.ViewOf(incarnation),
                           incarnation.shown->state);
    }
    for (Feature* feature : table_.features) feature->OnForgotten(incarnation);
    --table_.by_state[incarnation.plan.state];
    slot.incarnations.erase(epoch);
    --table_.incarnations;
  }
  connects_.StartNext(id, slot, now);
  if (slot.incarnations.empty()) {
    Withdraw(id, slot.waiting_for_end.empty());
    return;
  }
  Publish(id, slot);
  table_.queue.SetTimer(found->first, slot.timer, wake_at);
}

void Core::Withdraw(const SessionId& id, bool is_last) {
  if (table_.leadership.is_leader) table_.routes.Remove(id);
  table_.proxies.ForgetSession(id);
  if (!is_last) return;
  const auto slot = table_.slots.find(id);
  table_.queue.Forget(slot->first, slot->second.timer);
  table_.slots.erase(slot);
}

Verdict Core::MakePlan(Incarnation& incarnation, bool is_newest, Instant now) {
  const SessionId& id = incarnation.identity.id;
  Traffic traffic;
  RouteView view;
  if (is_newest) {
    const auto sum =
        table_.proxies.SumUsage(id, incarnation.identity.epoch, incarnation.first_version);
    TakeUsage(incarnation, sum, now);
    traffic.open = sum.open;
    traffic.is_known = sum.is_known;
    traffic.known_at = sum.known_at;
    traffic.unconfirmed_proxy = sum.given_up;
    traffic.was_used = incarnation.was_used;
    traffic.idle_since = incarnation.idle_since;
    view.published = incarnation.published;
    view.is_acked = table_.proxies.IsAcked(incarnation.published_version);
    if (incarnation.published == RouteGoal::kGated) {
      const auto gate =
          table_.proxies.SumGate(id, incarnation.identity.epoch, incarnation.published_version);
      view.is_gate_counted = gate.is_counted;
      view.gate_open = gate.open;
      view.gate_waiting = gate.waiting;
    }
  }
  if (!table_.leadership.is_leader || !table_.has_taken_over) traffic.is_known = false;
  if (!table_.leadership.is_leader) {
    // Read-only: what the leader will have done by now.
    view.published = RouteGoal::kOpen;
    view.is_acked = true;
  }
  const PodView pod = {incarnation.presence,
                       incarnation.pod.has_value() ? &*incarnation.pod : nullptr};
  return Reconcile(incarnation.session, pod, traffic, view, now);
}

void Core::TakeUsage(Incarnation& incarnation, const route::ProxyRegistry::UsageSum& sum,
                     Instant now) {
  // By the totals, not by the news of it: those may have come before its pod was listed here.
  if (sum.open > 0 || sum.opened_total > 0) incarnation.was_used = true;
  const bool has_left = sum.open == 0 && incarnation.open > 0;
  if (has_left) incarnation.idle_since = now;
  if (sum.open > 0 || has_left) incarnation.last_active_time = table_.clock.WallNow();
  incarnation.open = sum.open;
}

void Core::TakePlan(Incarnation& incarnation, bool is_newest, Instant now) {
  for (Feature* feature : table_.features) feature->BeforePlan(incarnation, now);
  auto [plan, observed] = MakePlan(incarnation, is_newest, now);
  const bool may_write = table_.leadership.is_leader;
  Session& session = incarnation.session;
  if (plan.was_refused) ++table_.counters.drains_refused;
  if (plan.state == SessionState::kReady && !incarnation.ready_time.has_value()) {
    incarnation.ready_time = table_.clock.WallNow();
  }
  if (plan.state >= SessionState::kTerminating && !incarnation.end_time.has_value()) {
    incarnation.end_time = table_.clock.WallNow();
  }
  if (!plan.near_end.has_value()) {
    incarnation.warning.reset();
  } else if (!incarnation.warning.has_value() || incarnation.warning->end != *plan.near_end) {
    const absl::Time since =
        incarnation.warning.has_value() ? incarnation.warning->since : table_.clock.WallNow();
    incarnation.warning =
        Incarnation::Warning{*plan.near_end, table_.WallOf(plan.near_end->at), since};
  }
  if (plan.is_lost != incarnation.lost_time.has_value()) {
    incarnation.lost_time.reset();
    if (plan.is_lost) incarnation.lost_time = table_.clock.WallNow();
  }
  if (may_write && plan.write == Write::kEnd && !session.decision.has_value()) {
    session.decision = EndDecision{plan.reason, plan.message.value_or_empty(), false};
    if (plan.reason == EndReason::kIdle && plan.idle_deadline.has_value()) {
      table_.counters.idle_end_error.Add(now - *plan.idle_deadline);
    }
  }
  if (may_write && incarnation.start_clock.has_value()) {
    incarnation.start_clock->Observe(plan.state, plan.phase, now, table_.counters.start_phases);
    if (plan.state >= SessionState::kReady) incarnation.start_clock.reset();
  }
  if (incarnation.has_plan) --table_.by_state[incarnation.plan.state];
  ++table_.by_state[plan.state];
  session.state = plan.state;
  session.observed = observed;
  incarnation.plan = std::move(plan);
  incarnation.has_plan = true;
  chronicle_.Observe(incarnation);
  if (may_write) writes_.Issue(incarnation, now);
  table_.Show(incarnation);
}

void Core::Publish(const SessionId& id, Slot& slot) {
  Incarnation& newest = *slot.newest();
  if (!table_.leadership.is_leader) return;
  route::Route route = RouteOf(newest);
  FillRevocations(slot, route);
  const uint64_t version = table_.routes.Put(route);
  const bool is_first = !newest.published.has_value();
  if (is_first && newest.identity.epoch.leadership() == table_.leadership.number &&
      newest.first_version == 0 && !newest.session.is_adopted) {
    newest.first_version = version;
  }
  const bool is_news = version != newest.published_version || is_first;
  newest.published = newest.plan.route;
  newest.published_version = version;
  const SessionState state = newest.plan.state;
  if (state == SessionState::kStarting || state == SessionState::kDraining ||
      !newest.connects.empty()) {
    table_.waiting_for_acks.insert(id);
  } else {
    table_.waiting_for_acks.erase(id);
  }
  if (is_news) table_.queue.MarkDirty(id);
}

}  // namespace spawner::core
