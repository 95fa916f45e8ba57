#include "controller/core/core.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "controller/core/limits.h"
#include "controller/route/roster.h"

namespace spawner::core {

Core::Core(kube::KubeClient& kube, const Clock& clock, Random& random, CoreOptions options)
    : table_(kube, clock, random, std::move(options)),
      chronicle_(table_),
      connects_(table_),
      ends_(table_),
      explainer_(table_),
      notes_(table_),
      holds_(table_, notes_),
      waits_(table_),
      grants_(table_, notes_),
      one_time_tokens_(table_),
      pods_(table_),
      start_details_(table_),
      claims_(table_),
      preparation_(table_, claims_),
      writes_(table_, pods_, ends_, notes_, preparation_) {
  table_.look_at = [this](const SessionId& id) { LookAt(id, table_.clock.Now()); };
  table_.features = {&chronicle_, &connects_, &ends_,   &explainer_,       &notes_,        &holds_,
                     &waits_,     &grants_,   &claims_, &one_time_tokens_, &start_details_};
  table_.links.SetListener([this](LinkId link, const route::FromProxy& message, Instant now) {
    for (Feature* feature : table_.features) feature->OnProxy(link, message, now);
  });
}

Core::~Core() = default;

uint32_t Core::leadership_seen() const {
  return std::max(table_.pods_leadership, table_.links.leadership_seen());
}

// --- terms ---------------------------------------------------------------------------------------

void Core::SetLeadership(const Leadership& leadership) {
  if (leadership == table_.leadership) return;
  const Instant now = table_.clock.Now();
  const bool was_leader = table_.leadership.is_leader;
  const bool is_new_term =
      leadership.is_leader && (!was_leader || leadership.number != table_.leadership.number);
  table_.leadership = leadership;
  Log(LogLevel::kInfo, "leadership_changed",
      {{"leads", leadership.is_leader},
       {"number", leadership.number},
       {"leader", leadership.leader_id}});
  if (was_leader && (!leadership.is_leader || is_new_term)) StandDown();
  if (is_new_term) {
    table_.counter = 0;
    table_.routes.Reset(leadership.number);
    table_.proxies.BeginTerm(leadership.number);
    const auto roster = route::DecodeRoster(leadership.roster);
    if (roster.ok()) {
      table_.proxies.LoadRoster(*roster, now);
    } else {
      Log(LogLevel::kError, "roster_unreadable", {{"error", roster.status().ToString()}});
    }
  }
  table_.links.SetLeadership(leadership, now);
  for (auto& [id, slot] : table_.slots) table_.queue.MarkDirty(id);
  GiveAnswers();
}

// What is not durable was never decided: the next leader decides anew, from what it sees.
void Core::StandDown() {
  table_.has_taken_over = false;
  const absl::Status no_leader = table_.CanDecide();
  for (auto& [id, slot] : table_.slots) {
    std::vector<Epoch> unborn;
    for (auto& [epoch, incarnation] : slot.incarnations) {
      incarnation->published.reset();
      incarnation->published_version = incarnation->first_version = 0;
      incarnation->session.observed.drain_at.reset();
      if (incarnation->presence == PodView::Presence::kAbsent) unborn.push_back(epoch);
      if (!IsEnded(*incarnation)) incarnation->session.decision.reset();
    }
    for (const Epoch epoch : unborn) writes_.FailCreate(id, epoch, no_leader);
  }
  for (Feature* feature : table_.features) feature->OnStandDown(no_leader);
}

// From here on nothing is missing: every pod has been listed, every route is published. Whoever was
// idle before may have been used since: grace runs anew.
void Core::TakeOver(Instant now) {
  std::vector<SessionId> ids;
  for (auto& [id, slot] : table_.slots) {
    ids.push_back(id);
    for (auto& [epoch, incarnation] : slot.incarnations) {
      incarnation->session.is_adopted = true;
      incarnation->idle_since = now;
    }
  }
  for (const SessionId& id : ids) LookAt(id, now);
  table_.has_taken_over = true;
  for (Feature* feature : table_.features) feature->OnTakeOver(now);
  table_.links.SetRoutesComplete();
  for (const SessionId& id : ids) table_.queue.MarkDirty(id);
  Log(LogLevel::kInfo, "took_over", {{"sessions", static_cast<uint64_t>(ids.size())}});
}

// --- the turn ------------------------------------------------------------------------------------

void Core::Step() {
  const Instant now = table_.clock.Now();
  table_.proxies.Expire(now);
  TakeRegistryChanges();
  table_.queue.FireTimers(now);
  if (table_.leadership.is_leader && !table_.has_taken_over && table_.IsSynced()) TakeOver(now);
  for (size_t i = 0; i < kSessionsPerTurn; ++i) {
    const auto id = table_.queue.Take();
    if (!id.has_value()) break;
    LookAt(*id, now);
  }
  for (Feature* feature : table_.features) feature->Step(now);
  table_.links.Step(now);
  TakeRegistryChanges();
  table_.events.Tell(kWatchSendsPerTurn);
  table_.events.Step(now);
  if (table_.events.WantsFeed()) FeedLists();
  GiveAnswers();
}

void Core::GiveAnswers() {
  for (const auto& answer : std::exchange(table_.answers, {})) answer();
}

Instant Core::NextWake() const {
  if (!table_.queue.empty() || !table_.answers.empty() || table_.events.WantsTurn()) {
    return table_.clock.Now();
  }
  Instant next = std::min({table_.queue.NextTimer(), table_.links.NextWake(),
                           table_.events.NextWake(), table_.proxies.NextExpiry()});
  for (const Feature* feature : table_.features) next = std::min(next, feature->NextWake());
  return next;
}

void Core::TakeRegistryChanges() {
  route::ProxyRegistry::Changes changes = table_.proxies.TakeChanges();
  for (const SessionId& id : changes.sessions) {
    if (table_.slots.count(id) > 0) {
      table_.queue.MarkDirty(id);
    } else if (table_.has_taken_over) {
      table_.proxies.ForgetSession(id);  // of an id that is nobody's: every pod has been listed
    }
  }
  for (const SessionId& id : changes.used) {
    const auto slot = table_.slots.find(id);
    Incarnation* newest = slot == table_.slots.end() ? nullptr : slot->second.newest();
    if (newest == nullptr) continue;
    newest->idle_since = table_.clock.Now();
    newest->last_active_time = table_.clock.WallNow();
  }
  if (changes.is_anything_acked) {
    for (const SessionId& id : std::exchange(table_.waiting_for_acks, {}))
      table_.queue.MarkDirty(id);
  }
  for (const auto& accounted : changes.accounted) {
    for (auto& [id, slot] : table_.slots) {
      Incarnation* newest = slot.newest();
      if (newest == nullptr || newest->first_version > accounted.up_to) continue;
      newest->idle_since = std::max(newest->idle_since, accounted.used_until);
      table_.queue.MarkDirty(id);
    }
  }
  if (changes.is_roster_changed) {
    // Who waited for a lost proxy looks again.
    for (auto& [id, slot] : table_.slots) table_.queue.MarkDirty(id);
  }
}

}  // namespace spawner::core
