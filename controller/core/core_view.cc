// What the core shows: one session, many, and their changes.
#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/core/core.h"
#include "controller/core/limits.h"

namespace spawner::core {
namespace {

std::string TokenOf(const SessionView& view) {
  return absl::StrCat(view.id.value, ".", view.epoch.value);
}

}  // namespace

std::vector<SessionView> Core::AllViews() const {
  std::vector<SessionView> views;
  views.reserve(table_.incarnations);
  for (const auto& [id, slot] : table_.slots) {
    for (const auto& [epoch, incarnation] : slot.incarnations) {
      if (incarnation->has_plan) views.push_back(table_.ViewOf(*incarnation));
    }
  }
  return views;
}

absl::StatusOr<SessionView> Core::Get(absl::string_view ns, const SessionId& id, Epoch epoch) {
  const auto found = table_.FindNamed(ns, id, epoch);
  if (!found.ok()) return found.status();
  return table_.ViewOf(**found);
}

absl::StatusOr<ListResult> Core::List(const ListParams& params) {
  SessionId from;
  Epoch after;
  if (!params.page_token.empty()) {
    const size_t dot = params.page_token.rfind('.');
    if (dot == std::string::npos ||
        !absl::SimpleAtoi(params.page_token.substr(dot + 1), &after.value)) {
      return InvalidField("page_token", "is none that a list has given");
    }
    from.value = params.page_token.substr(0, dot);
  }
  const size_t page = static_cast<size_t>(std::clamp(params.page_size, 1, kPageSizeMax));
  ListResult result;
  for (auto slot = table_.slots.lower_bound(from); slot != table_.slots.end(); ++slot) {
    for (const auto& [epoch, incarnation] : slot->second.incarnations) {
      if (!incarnation->has_plan || (slot->first == from && epoch <= after)) continue;
      SessionView view = table_.ViewOf(*incarnation);
      if (!Matches(params, view)) continue;
      if (result.sessions.size() == page) {
        result.next_page_token = TokenOf(result.sessions.back());
        return result;
      }
      result.sessions.push_back(std::move(view));
    }
  }
  return result;
}

absl::StatusOr<Core::WatchId> Core::Watch(const ListParams& filter,
                                          absl::string_view resume_version, Watcher* watcher) {
  return table_.events.Watch(filter, resume_version,
                             resume_version.empty() ? AllViews() : std::vector<SessionView>(),
                             table_.clock.Now(), watcher);
}

void Core::OnLinkMessage(LinkId link, route::FromProxy message) {
  table_.links.OnMessage(link, std::move(message), table_.clock.Now());
  TakeRegistryChanges();
}

void Core::CloseLink(LinkId link) {
  table_.links.Close(link, table_.clock.Now());
  TakeRegistryChanges();
}

void Core::OnRosterSaved(const std::string& roster) { table_.links.OnRosterSaved(roster); }

CoreStatus Core::GetStatus() {
  CoreStatus status;
  status.controller_id = table_.options.controller_id;
  status.is_leader = table_.leadership.is_leader;
  status.leader_id = table_.leadership.leader_id;
  status.leader_address = table_.leadership.leader_address;
  status.leadership = table_.leadership.number;
  status.kubernetes = table_.options.kubernetes;
  status.is_synced = table_.IsSynced();
  for (const auto& [ns, view] : table_.pod_views) {
    status.namespaces.push_back(ns);
    if (!view.status.ok()) status.kubernetes_status = view.status;
  }
  for (const auto& [id, slot] : table_.slots) {
    for (const auto& [epoch, incarnation] : slot.incarnations) {
      if (incarnation->has_plan) ++status.sessions[incarnation->plan.state];
    }
  }
  for (const auto& listed : table_.proxies.List(table_.clock.Now())) {
    status.proxies.push_back({.id = listed.entry.id,
                              .pod = listed.entry.pod_name,
                              .version = listed.version,
                              .is_connected = listed.is_connected,
                              .lost_for = listed.lost_for,
                              .route_version = listed.acked,
                              .connections = listed.connections});
  }
  status.counters = table_.counters;
  return status;
}

void Core::OnProxyPodGone(absl::string_view pod_uid) {
  table_.proxies.OnPodGone(pod_uid, table_.clock.Now());
}

std::vector<route::RosterEntry> Core::LostProxies() const {
  std::vector<route::RosterEntry> lost;
  for (const auto& proxy : table_.proxies.List(table_.clock.Now())) {
    if (!proxy.is_connected && !proxy.entry.pod_uid.empty()) lost.push_back(proxy.entry);
  }
  return lost;
}

}  // namespace spawner::core
