#include "controller/route/route_log.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"

namespace spawner::route {

void RouteLog::Reset(uint32_t leadership) {
  leadership_ = leadership;
  version_ = 0;
  table_.clear();
  policies_.clear();
  history_.clear();
}

uint64_t RouteLog::Put(const Route& route) {
  const auto found = table_.find(route.session);
  if (found != table_.end() && *found->route == route) return found->version;
  const auto published = std::make_shared<Route>(route);
  published->policy = Share(route.policy);
  Append(route.session, published);
  if (found != table_.end()) table_.erase(found);
  table_.insert({published, version_});
  return version_;
}

std::shared_ptr<const RoutePolicy> RouteLog::Share(
    const std::shared_ptr<const RoutePolicy>& policy) {
  const auto [found, is_new] = policies_.try_emplace(*policy, policy);
  if (is_new && policies_.size() >= purge_at_) {
    absl::erase_if(policies_, [](const auto& kept) { return kept.second.use_count() == 1; });
    purge_at_ = 2 * policies_.size() + kPoliciesMin;
    return policy;
  }
  return found->second;
}

void RouteLog::Remove(const SessionId& session) {
  if (table_.erase(session) > 0) Append(session, nullptr);
}

void RouteLog::Append(const SessionId& session, RoutePtr route) {
  history_.push_back({++version_, session, std::move(route)});
  if (history_.size() > kHistoryMax) history_.pop_front();
}

const Route* RouteLog::Find(const SessionId& session) const {
  const auto found = table_.find(session);
  return found == table_.end() ? nullptr : found->route.get();
}

uint64_t RouteLog::VersionOf(const SessionId& session) const {
  const auto found = table_.find(session);
  return found == table_.end() ? 0 : found->version;
}

std::vector<Routes> RouteLog::Since(uint64_t version) const {
  const uint64_t oldest = history_.empty() ? version_ : history_.front().version - 1;
  if (version == 0 || version < oldest || version > version_) return Snapshot();
  std::vector<Routes> messages;
  absl::flat_hash_set<SessionId> named;  // in the last message
  const auto begin = history_.begin() + static_cast<ptrdiff_t>(version - oldest);
  for (auto change = begin; change != history_.end(); ++change) {
    if (messages.empty() || named.size() >= kRoutesPerMessageMax ||
        !named.insert(change->session).second) {
      messages.emplace_back();
      named.clear();
      named.insert(change->session);
    }
    Routes& message = messages.back();
    message.version = change->version;
    if (change->route != nullptr) {
      message.routes.push_back(*change->route);
    } else {
      message.removed.push_back(change->session);
    }
  }
  return messages;
}

std::vector<Routes> RouteLog::Snapshot() const {
  std::vector<const Route*> routes;
  routes.reserve(table_.size());
  for (const Entry& entry : table_) routes.push_back(entry.route.get());
  std::sort(routes.begin(), routes.end(),
            [](const Route* a, const Route* b) { return a->session < b->session; });
  std::vector<Routes> parts(1);
  for (const Route* route : routes) {
    if (parts.back().routes.size() >= kRoutesPerMessageMax) parts.emplace_back();
    parts.back().routes.push_back(*route);
  }
  for (Routes& part : parts) {
    part.is_snapshot = true;
    part.is_last = &part == &parts.back();
    part.version = version_;
  }
  return parts;
}

}  // namespace spawner::route
