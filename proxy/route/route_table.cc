#include "proxy/route/route_table.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "proxy/route/limits.h"

namespace spawner::proxy {

RouteEntry* RouteTable::Find(absl::string_view session_id) {
  const auto it = entries_.find(session_id);
  return it == entries_.end() ? nullptr : it->get();
}

RouteEntry* RouteTable::FindOrAdd(absl::string_view session_id) {
  if (RouteEntry* entry = Find(session_id)) return entry;
  auto entry = std::make_unique<RouteEntry>();
  entry->route.session_id = std::string(session_id);
  RouteEntry* const added = entry.get();
  entries_.insert(std::move(entry));
  return added;
}

void RouteTable::Release(RouteEntry* entry) {
  SPAWNER_CHECK(entry->owner == nullptr);
  // Among the fences it is erased when its time there is over.
  if (entry->is_routed || entry->removal != 0) return;
  const auto it = entries_.find(absl::string_view(entry->route.session_id));
  SPAWNER_CHECK(it != entries_.end() && it->get() == entry);
  entries_.erase(it);
}

bool RouteTable::IsUnknown(absl::string_view session_id, Instant now) {
  const auto it = unknown_.find(session_id);
  return it != unknown_.end() && it->second > now;
}

std::vector<RouteEvent> RouteTable::Apply(RouteChange change, Instant now) {
  // Before the events are made: they point at entries, so nothing is erased after this.
  ForgetOldFences(now);
  ForgetOldUnknown(now);
  ++changes_;
  std::vector<RouteEvent> events;
  events.reserve(change.routes.size() + change.removed.size());
  if (change.replaces_all) entries_.reserve(change.routes.size());
  for (Route& route : change.routes) events.push_back(ApplyRoute(std::move(route)));
  for (const std::string& id : change.removed) {
    RouteEntry* const entry = Find(id);
    if (entry != nullptr && entry->is_routed) events.push_back(Remove(entry, now));
  }
  if (change.replaces_all) RemoveUnnamed(events, now);
  for (std::string& id : change.unknown) {
    RouteEntry* const entry = Find(id);
    // An answer that a route overtook.
    if (entry != nullptr && entry->is_routed) continue;
    if (entry != nullptr && entry->owner != nullptr) {
      events.push_back({.kind = RouteEvent::Kind::kUnknown, .entry = entry});
    }
    LearnUnknown(std::move(id), now);
  }
  if (change.version != RouteVersion{}) version_ = change.version;
  return events;
}

RouteEvent RouteTable::ApplyRoute(Route route) {
  RouteEntry* const entry = FindOrAdd(route.session_id);
  RouteEvent event{.kind = RouteEvent::Kind::kChanged,
                   .entry = entry,
                   .was_routed = entry->is_routed,
                   .was_state = entry->route.state,
                   .was_epoch = entry->route.epoch};
  entry->named_by = changes_;
  if (route.epoch < entry->fence) {
    event.kind = RouteEvent::Kind::kRefused;
    return event;
  }
  if (!entry->is_routed) ++routed_;
  entry->fence = route.epoch;
  entry->is_routed = true;
  entry->removal = 0;
  entry->route = std::move(route);
  // An id with a negative answer may turn out to be a session's.
  unknown_.erase(entry->route.session_id);
  return event;
}

RouteEvent RouteTable::Remove(RouteEntry* entry, Instant now) {
  const RouteEvent event{.kind = RouteEvent::Kind::kRemoved,
                         .entry = entry,
                         .was_routed = true,
                         .was_state = entry->route.state,
                         .was_epoch = entry->route.epoch};
  entry->is_routed = false;
  entry->removal = ++removals_;
  entry->route = Route{.session_id = std::move(entry->route.session_id)};
  --routed_;
  fences_.push_back({entry->route.session_id, now, entry->removal});
  return event;
}

void RouteTable::RemoveUnnamed(std::vector<RouteEvent>& events, Instant now) {
  std::vector<RouteEntry*> unnamed;
  for (const auto& entry : entries_) {
    if (entry->is_routed && entry->named_by != changes_) unnamed.push_back(entry.get());
  }
  // The order of a hash table differs from run to run.
  std::sort(unnamed.begin(), unnamed.end(), [](const RouteEntry* a, const RouteEntry* b) {
    return a->route.session_id < b->route.session_id;
  });
  for (RouteEntry* entry : unnamed) events.push_back(Remove(entry, now));
}

void RouteTable::ForgetOldFences(Instant now) {
  while (!fences_.empty() &&
         (fences_.size() > kFencesMax || fences_.front().removed_at + kFenceTtl <= now)) {
    const auto it = entries_.find(absl::string_view(fences_.front().session_id));
    const uint64_t removal = fences_.front().removal;
    fences_.pop_front();
    if (it == entries_.end() || (*it)->removal != removal) continue;
    if ((*it)->owner == nullptr) {
      entries_.erase(it);
    } else {
      (*it)->removal = 0;  // Release erases it
    }
  }
}

void RouteTable::LearnUnknown(std::string session_id, Instant now) {
  const Instant until = now + kUnknownTtl;
  unknown_by_age_.emplace_back(session_id, until);
  unknown_.insert_or_assign(std::move(session_id), until);
  ForgetOldUnknown(now);
}

void RouteTable::ForgetOldUnknown(Instant now) {
  while (!unknown_by_age_.empty() &&
         (unknown_by_age_.size() > kUnknownIdsMax || unknown_by_age_.front().second <= now)) {
    const auto& [id, until] = unknown_by_age_.front();
    const auto it = unknown_.find(id);
    // Learned again since: the newer line of the queue stands for it.
    if (it != unknown_.end() && it->second == until) unknown_.erase(it);
    unknown_by_age_.pop_front();
  }
}

}  // namespace spawner::proxy
