#include "controller/core/core.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/status.h"
#include "controller/core/limits.h"
#include "controller/core/pod_feed.h"
#include "controller/route/roster.h"
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
  const SessionSpec& spec = incarnation.session.spec;
  route::Route route;
  route.session = incarnation.identity.id;
  route.ns = incarnation.identity.ns;
  route.epoch = incarnation.identity.epoch;
  route.state = StateOf(plan.route);
  route.token_required = spec.access.token_required;
  route.strip_prefix = spec.access.strip_prefix;
  route.allowed_origins = spec.access.allowed_origins;
  route.embed_origins = spec.access.embed_origins;
  route.max_connections = spec.access.max_connections;
  route.hold_timeout = kHoldTimeout;
  if (plan.route == RouteGoal::kOpen || plan.route == RouteGoal::kGated) {
    route.ip = incarnation.pod->pod.ip;
    route.port = spec.port;
    route.protocol = static_cast<int>(spec.protocol);
  }
  if (plan.route == RouteGoal::kHold) route.phase = static_cast<int>(plan.phase);
  if (plan.route == RouteGoal::kEnded) {
    route.reason = static_cast<int>(plan.reason);
    route.message = VisitorMessage(plan.reason, plan.exit_code, spec);
  }
  return route;
}

}  // namespace

Core::Core(kube::KubeClient& kube, const Clock& clock, Random& random, CoreOptions options)
    : kube_(kube),
      clock_(clock),
      random_(random),
      options_(std::move(options)),
      identity_(options_.install_secret),
      proxies_(options_.lost_proxy_hold),
      links_(routes_, proxies_),
      events_(random.Base32(8)) {
  for (const std::string& ns : options_.namespaces) feeds_[ns] = std::make_unique<Feed>(*this, ns);
}

Core::~Core() = default;

kube::PodHandler& Core::PodsOf(const std::string& ns) {
  const auto found = feeds_.find(ns);
  SPAWNER_CHECK(found != feeds_.end());
  return *found->second;
}

bool Core::IsSynced() const {
  return std::all_of(feeds_.begin(), feeds_.end(),
                     [](const auto& feed) { return feed.second->is_synced(); });
}

uint32_t Core::leadership_seen() const {
  return std::max(pods_leadership_, links_.leadership_seen());
}

// --- terms ---------------------------------------------------------------------------------------

void Core::SetLeadership(const Leadership& leadership) {
  if (leadership == leadership_) return;
  const Instant now = clock_.Now();
  const bool was_leader = leadership_.is_leader;
  const bool is_new_term =
      leadership.is_leader && (!was_leader || leadership.number != leadership_.number);
  leadership_ = leadership;
  Log(LogLevel::kInfo, "leadership_changed",
      {{"leads", leadership.is_leader},
       {"number", leadership.number},
       {"leader", leadership.leader_id}});
  if (was_leader && (!leadership.is_leader || is_new_term)) StandDown();
  if (is_new_term) {
    counter_ = 0;
    routes_.Reset(leadership.number);
    proxies_.BeginTerm(leadership.number);
    const auto roster = route::DecodeRoster(leadership.roster);
    if (roster.ok()) {
      proxies_.LoadRoster(*roster, now);
    } else {
      Log(LogLevel::kError, "roster_unreadable", {{"error", roster.status().ToString()}});
    }
  }
  links_.SetLeadership(leadership, now);
  for (auto& [id, slot] : slots_) queue_.MarkDirty(id);
  GiveAnswers();
}

// What is not durable was never decided: the next leader decides anew, from what it sees.
void Core::StandDown() {
  has_taken_over_ = false;
  const absl::Status no_leader = CanDecide();
  for (auto& [id, slot] : slots_) {
    std::vector<Epoch> unborn;
    for (auto& [epoch, incarnation] : slot.incarnations) {
      incarnation->published.reset();
      incarnation->published_version = incarnation->first_version = 0;
      incarnation->session.observed.drain_at.reset();
      if (incarnation->presence == PodView::Presence::kAbsent) unborn.push_back(epoch);
      if (!IsEnded(*incarnation)) incarnation->session.decision.reset();
      for (TerminateWaiter& waiter : std::exchange(incarnation->terminates, {})) {
        answers_.push_back([done = std::move(waiter.done), no_leader] { done(no_leader); });
      }
    }
    for (ConnectWaiter& waiter : std::exchange(slot.waiting_for_end, {})) {
      --connects_waiting_;
      answers_.push_back([done = std::move(waiter.done), no_leader] { done(no_leader); });
    }
    for (const Epoch epoch : unborn) FailCreate(id, epoch, no_leader);
  }
}

// From here on nothing is missing: every pod has been listed, every route is published. Whoever was
// idle before may have been used since: grace runs anew.
void Core::TakeOver(Instant now) {
  std::vector<SessionId> ids;
  for (auto& [id, slot] : slots_) {
    ids.push_back(id);
    for (auto& [epoch, incarnation] : slot.incarnations) {
      incarnation->session.is_adopted = true;
      incarnation->idle_since = now;
    }
  }
  for (const SessionId& id : ids) LookAt(id, now);
  has_taken_over_ = true;
  links_.SetRoutesComplete();
  for (const SessionId& id : ids) queue_.MarkDirty(id);
  Log(LogLevel::kInfo, "took_over", {{"sessions", static_cast<uint64_t>(ids.size())}});
}

// --- the turn ------------------------------------------------------------------------------------

void Core::Step() {
  const Instant now = clock_.Now();
  proxies_.Expire(now);
  TakeRegistryChanges();
  queue_.FireTimers(now);
  if (leadership_.is_leader && !has_taken_over_ && IsSynced()) TakeOver(now);
  for (size_t i = 0; i < kSessionsPerTurn; ++i) {
    const auto id = queue_.Take();
    if (!id.has_value()) break;
    LookAt(*id, now);
  }
  links_.Step(now);
  TakeRegistryChanges();
  events_.Step(now);
  GiveAnswers();
}

void Core::GiveAnswers() {
  for (const auto& answer : std::exchange(answers_, {})) answer();
}

Instant Core::NextWake() const {
  if (!queue_.empty() || !answers_.empty()) return clock_.Now();
  return std::min(
      {queue_.NextTimer(), links_.NextWake(), events_.NextWake(), proxies_.NextExpiry()});
}

void Core::TakeRegistryChanges() {
  route::ProxyRegistry::Changes changes = proxies_.TakeChanges();
  for (const SessionId& id : changes.sessions) {
    if (slots_.count(id) > 0) {
      queue_.MarkDirty(id);
    } else if (has_taken_over_) {
      proxies_.ForgetSession(id);  // of an id that is nobody's: every pod has been listed
    }
  }
  for (const SessionId& id : changes.used) {
    const auto slot = slots_.find(id);
    Incarnation* newest = slot == slots_.end() ? nullptr : slot->second.newest();
    if (newest == nullptr) continue;
    newest->idle_since = clock_.Now();
    newest->last_active_time = clock_.WallNow();
  }
  if (changes.is_anything_acked) {
    for (const SessionId& id : std::exchange(waiting_for_acks_, {})) queue_.MarkDirty(id);
  }
  for (const auto& accounted : changes.accounted) {
    for (auto& [id, slot] : slots_) {
      Incarnation* newest = slot.newest();
      if (newest == nullptr || newest->first_version > accounted.up_to) continue;
      newest->idle_since = std::max(newest->idle_since, accounted.used_until);
      queue_.MarkDirty(id);
    }
  }
  if (changes.is_roster_changed) {
    // Who waited for a lost proxy looks again.
    for (auto& [id, slot] : slots_) queue_.MarkDirty(id);
  }
}

void Core::LookAt(const SessionId& id, Instant now) {
  const auto found = slots_.find(id);
  if (found == slots_.end()) return;
  Slot& slot = found->second;
  Instant wake_at = Instant::Infinite();
  std::vector<Epoch> forgotten;
  size_t ended = 0;
  for (auto& [epoch, incarnation] : slot.incarnations) ended += IsEnded(*incarnation) ? 1 : 0;
  for (auto& [epoch, incarnation] : slot.incarnations) {
    const bool is_newest = incarnation.get() == slot.newest();
    if (!is_newest && !IsEnded(*incarnation) && leadership_.is_leader &&
        !incarnation->session.decision.has_value()) {
      incarnation->session.decision =
          EndDecision{EndReason::kReplaced, "an incarnation with a greater epoch took over", true};
    }
    if (!is_newest && ended > kEndedPerSessionMax && IsEnded(*incarnation)) {
      incarnation->session.spec.lifetime.retention = absl::ZeroDuration();
      --ended;
    }
    TakePlan(*incarnation, is_newest, now);
    wake_at = std::min(wake_at, incarnation->plan.wake_at);
    if (!incarnation->is_writing && incarnation->write_not_before > now &&
        (incarnation->plan.write != Write::kNone ||
         incarnation->presence == PodView::Presence::kAbsent)) {
      wake_at = std::min(wake_at, incarnation->write_not_before);
    }
    AnswerWaiters(*incarnation, now, wake_at);
    if (incarnation->plan.is_forgotten) forgotten.push_back(epoch);
  }
  for (const Epoch epoch : forgotten) {
    Incarnation& incarnation = *slot.incarnations.at(epoch);
    if (incarnation.shown.has_value()) {
      events_.Append(WatchEventType::kDeleted, *incarnation.shown, incarnation.shown->state);
    }
    slot.incarnations.erase(epoch);
    --incarnations_;
  }
  StartNext(id, slot, now);
  if (slot.incarnations.empty()) {
    Withdraw(id, slot.waiting_for_end.empty());
    return;
  }
  Publish(id, slot);
  queue_.SetTimer(id, wake_at);
}

void Core::Withdraw(const SessionId& id, bool is_last) {
  if (leadership_.is_leader) routes_.Remove(id);
  proxies_.ForgetSession(id);
  if (!is_last) return;
  queue_.Forget(id);
  slots_.erase(id);
}

Plan Core::MakePlan(Incarnation& incarnation, bool is_newest, Instant now) {
  const SessionId& id = incarnation.identity.id;
  Traffic traffic;
  RouteView view;
  if (is_newest) {
    const auto sum = proxies_.SumUsage(id, incarnation.identity.epoch, incarnation.first_version);
    TakeUsage(incarnation, sum, now);
    traffic.open = sum.open;
    traffic.is_known = sum.is_known;
    traffic.known_at = sum.known_at;
    traffic.unconfirmed_proxy = sum.given_up;
    traffic.was_used = incarnation.was_used;
    traffic.idle_since = incarnation.idle_since;
    view.published = incarnation.published;
    view.is_acked = proxies_.IsAcked(incarnation.published_version);
    if (incarnation.published == RouteGoal::kGated) {
      const auto gate =
          proxies_.SumGate(id, incarnation.identity.epoch, incarnation.published_version);
      view.is_gate_counted = gate.is_counted;
      view.gate_open = gate.open;
      view.gate_waiting = gate.waiting;
    }
  }
  if (!leadership_.is_leader || !has_taken_over_) traffic.is_known = false;
  if (!leadership_.is_leader) {
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
  if (sum.open > 0 || has_left) incarnation.last_active_time = clock_.WallNow();
  incarnation.open = sum.open;
}

void Core::TakePlan(Incarnation& incarnation, bool is_newest, Instant now) {
  Plan plan = MakePlan(incarnation, is_newest, now);
  const bool may_write = leadership_.is_leader;
  Session& session = incarnation.session;
  if (plan.was_refused) ++counters_.drains_refused;
  if (plan.state == SessionState::kReady && !incarnation.ready_time.has_value()) {
    incarnation.ready_time = clock_.WallNow();
  }
  if (plan.state >= SessionState::kTerminating && !incarnation.end_time.has_value()) {
    incarnation.end_time = clock_.WallNow();
  }
  if (plan.is_lost != incarnation.lost_time.has_value()) {
    incarnation.lost_time.reset();
    if (plan.is_lost) incarnation.lost_time = clock_.WallNow();
  }
  if (may_write && plan.write == Write::kEnd && !session.decision.has_value()) {
    session.decision = EndDecision{plan.reason, plan.message, false};
    if (plan.reason == EndReason::kIdle && plan.idle_deadline.has_value()) {
      counters_.idle_end_error.Add(now - *plan.idle_deadline);
    }
  }
  if (may_write && !session.is_adopted) {
    incarnation.start_clock.Observe(plan.state, plan.phase, now, counters_.start_phases);
  }
  session.state = plan.state;
  session.observed = plan.observed;
  incarnation.plan = std::move(plan);
  incarnation.has_plan = true;
  if (may_write && !incarnation.is_writing && now >= incarnation.write_not_before) {
    IssueWrite(incarnation, now);
  }
  Show(incarnation);
}

void Core::Publish(const SessionId& id, Slot& slot) {
  Incarnation& newest = *slot.newest();
  if (!leadership_.is_leader) return;
  const route::Route route = RouteOf(newest);
  const uint64_t version = routes_.Put(route);
  const bool is_first = !newest.published.has_value();
  if (is_first && newest.identity.epoch.leadership() == leadership_.number &&
      newest.first_version == 0 && !newest.session.is_adopted) {
    newest.first_version = version;
  }
  const bool is_news = version != newest.published_version || is_first;
  newest.published = newest.plan.route;
  newest.published_version = version;
  const SessionState state = newest.plan.state;
  if (state == SessionState::kStarting || state == SessionState::kDraining ||
      !newest.connects.empty()) {
    waiting_for_acks_.insert(id);
  }
  if (is_news) queue_.MarkDirty(id);
}

}  // namespace spawner::core
