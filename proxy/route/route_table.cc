#include "proxy/route/route_table.h"

#include <utility>

#include "base/check.h"
#include "proxy/route/limits.h"

namespace spawner::proxy {

RouteTable::RouteTable() : shards_(kTableShards) {}

RouteEntry* RouteTable::Find(absl::string_view session_id) const {
  const size_t hash = Hash()(session_id);
  const Shard& shard = ShardOf(hash);
  const auto it = shard.find(session_id, hash);
  return it == shard.end() ? nullptr : it->get();
}

RouteEntry* RouteTable::FindOrAdd(absl::string_view session_id) {
  if (RouteEntry* entry = Find(session_id)) return entry;
  auto entry = std::make_unique<RouteEntry>();
  entry->route.session_id = std::string(session_id);
  RouteEntry* const added = entry.get();
  ShardOf(Hash()(session_id)).insert(std::move(entry));
  return added;
}

void RouteTable::Release(RouteEntry* entry) {
  SPAWNER_CHECK(entry->owner == nullptr);
  // Among the fences it is erased when its time there is over.
  if (!entry->is_routed && !entry->is_fenced) Erase(entry);
}

void RouteTable::Erase(RouteEntry* entry) {
  const absl::string_view id = entry->route.session_id;
  const size_t hash = Hash()(id);
  Shard& shard = ShardOf(hash);
  const auto it = shard.find(id, hash);
  SPAWNER_CHECK(it != shard.end() && it->get() == entry);
  shard.erase(it);
}

bool RouteTable::IsUnknown(absl::string_view session_id, Instant now) {
  const auto it = unknown_.find(session_id);
  return it != unknown_.end() && it->second > now;
}

std::vector<RouteEvent> RouteTable::Apply(RouteChange part, Instant now) {
  SPAWNER_CHECK(!is_sweeping_);
  // Before the events are made: they point at entries, so nothing is erased after this.
  const size_t forgotten =
      kForgottenPerPart + 2 * (part.routes.size() + part.removed.size() + part.unknown.size());
  ForgetFences(forgotten, now);
  ForgetUnknown(forgotten, now);
  if (!is_between_) ++changes_;
  is_between_ = part.has_more;
  std::vector<RouteEvent> events;
  events.reserve(part.routes.size() + part.removed.size());
  for (Route& route : part.routes) events.push_back(ApplyRoute(std::move(route), now));
  for (const std::string& id : part.removed) {
    RouteEntry* const entry = Find(id);
    if (entry != nullptr && entry->is_routed) events.push_back(Remove(entry, now));
  }
  for (std::string& id : part.unknown) {
    RouteEntry* const entry = Find(id);
    // An answer that a route overtook.
    if (entry != nullptr && entry->is_routed) continue;
    if (entry != nullptr && entry->owner != nullptr) {
      events.push_back({.kind = RouteEvent::Kind::kUnknown, .entry = entry});
    }
    LearnUnknown(std::move(id), now);
  }
  if (part.has_more) return events;
  applying_ = part.version;
  is_sweeping_ = part.replaces_all;
  EndIfSwept();
  return events;
}

std::vector<RouteEvent> RouteTable::Sweep(size_t max, Instant now) {
  ForgetFences(kForgottenPerPart + 2 * max, now);
  std::vector<RouteEvent> events;
  while (is_sweeping_ && events.size() < max) {
    events.push_back(Remove(routed_.front(), now));
    EndIfSwept();
  }
  return events;
}

void RouteTable::EndIfSwept() {
  if (is_sweeping_ && routed_.front() != nullptr && routed_.front()->named_by != changes_) return;
  is_sweeping_ = false;
  if (applying_ != RouteVersion{}) version_ = applying_;
}

RouteEvent RouteTable::ApplyRoute(Route route, Instant now) {
  RouteEntry* const entry = FindOrAdd(route.session_id);
  RouteEvent event{.kind = RouteEvent::Kind::kChanged,
                   .entry = entry,
                   .was_routed = entry->is_routed,
                   .was_state = entry->route.state,
                   .was_epoch = entry->route.epoch};
  if (entry->is_fenced && entry->removed_at + kFenceTtl <= now) Unfence(entry);
  entry->named_by = changes_;
  if (entry->is_routed) {
    routed_.Remove(entry);
    routed_.PushBack(entry);
  }
  if (route.epoch < entry->fence) {
    event.kind = RouteEvent::Kind::kRefused;
    return event;
  }
  if (entry->is_fenced) Unfence(entry);
  if (!entry->is_routed) routed_.PushBack(entry);
  entry->fence = route.epoch;
  entry->is_routed = true;
  entry->route = std::move(route);
  // An id with a negative answer may turn out to be a session's.
  if (!unknown_.empty()) unknown_.erase(entry->route.session_id);
  return event;
}

RouteEvent RouteTable::Remove(RouteEntry* entry, Instant now) {
  const RouteEvent event{.kind = RouteEvent::Kind::kRemoved,
                         .entry = entry,
                         .was_routed = true,
                         .was_state = entry->route.state,
                         .was_epoch = entry->route.epoch};
  entry->is_routed = false;
  entry->route = Route{.session_id = std::move(entry->route.session_id)};
  routed_.Remove(entry);
  entry->is_fenced = true;
  entry->removed_at = now;
  fences_.PushBack(entry);
  return event;
}

void RouteTable::Unfence(RouteEntry* entry) {
  fences_.Remove(entry);
  entry->is_fenced = false;
  entry->fence = 0;
}

void RouteTable::ForgetFences(size_t max, Instant now) {
  for (; max > 0 && fences_.front() != nullptr; --max) {
    RouteEntry* const oldest = fences_.front();
    if (fences_.size() <= kFencesMax && oldest->removed_at + kFenceTtl > now) return;
    Unfence(oldest);
    if (oldest->owner == nullptr) Erase(oldest);  // else Release does
  }
}

void RouteTable::LearnUnknown(std::string session_id, Instant now) {
  const Instant until = now + kUnknownTtl;
  unknown_by_age_.emplace_back(session_id, until);
  unknown_.insert_or_assign(std::move(session_id), until);
  if (unknown_by_age_.size() > kUnknownIdsMax) ForgetUnknown(1, now);
}

void RouteTable::ForgetUnknown(size_t max, Instant now) {
  for (; max > 0 && !unknown_by_age_.empty(); --max) {
    const auto& [id, until] = unknown_by_age_.front();
    if (unknown_by_age_.size() <= kUnknownIdsMax && until > now) return;
    const auto it = unknown_.find(id);
    // Learned again since: the newer line of the queue stands for it.
    if (it != unknown_.end() && it->second == until) unknown_.erase(it);
    unknown_by_age_.pop_front();
  }
}

}  // namespace spawner::proxy
