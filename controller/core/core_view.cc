// What the core shows: one session, many, and their changes.
#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "controller/core/core.h"
#include "controller/core/limits.h"

namespace spawner::core {
namespace {

std::string TokenOf(const SessionView& view) {
  return absl::StrCat(view.id.value, ".", view.epoch.value);
}

}  // namespace

void Core::FeedLists() {
  table_.events.Feed(
      [this](const SessionId& id, Epoch epoch) -> std::optional<SessionView> {
        for (auto slot = table_.slots.lower_bound(id); slot != table_.slots.end(); ++slot) {
          for (const auto& [its_epoch, incarnation] : slot->second.incarnations) {
            const bool is_told = slot->first == id && its_epoch <= epoch;
            if (incarnation->has_plan && !is_told) return table_.ViewOf(*incarnation);
          }
        }
        return std::nullopt;
      },
      kListedPerTurn, table_.clock.Now());
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
  size_t looked_at = 0;
  ListResult result;
  for (auto slot = table_.slots.lower_bound(from); slot != table_.slots.end(); ++slot) {
    for (const auto& [epoch, incarnation] : slot->second.incarnations) {
      if (!incarnation->has_plan || (slot->first == from && epoch <= after)) continue;
      if (result.sessions.size() == page || looked_at == kListedPerTurn) return result;
      SessionView view = table_.ViewOf(*incarnation);
      ++looked_at;
      result.next_page_token = TokenOf(view);
      if (Matches(params, view)) result.sessions.push_back(std::move(view));
    }
  }
  result.next_page_token.clear();
  return result;
}

absl::StatusOr<Core::WatchId> Core::Watch(const ListParams& filter,
                                          absl::string_view resume_version, Watcher* watcher) {
  const auto id = table_.events.Watch(filter, resume_version, table_.clock.Now(), watcher);
  if (!id.ok()) return id;
  FeedLists();
  table_.events.Tell(kWatchSendsPerTurn);
  return id;
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
  for (const auto& [state, count] : table_.by_state) {
    if (count > 0) status.sessions[state] = count;
  }
  for (const auto& listed : table_.proxies.List(table_.clock.Now())) {
    status.proxies.push_back({.id = listed.entry.id,
                              .pod = listed.entry.pod_name,
                              .pod_namespace = listed.entry.pod_namespace,
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

absl::StatusOr<Epoch> Core::FindPrevious(absl::string_view ns, const SessionId& id) {
  const auto newest = table_.FindNamed(ns, id, Epoch{});
  if (!newest.ok()) return newest.status();
  const auto& incarnations = table_.slots.at(id).incarnations;
  if (incarnations.size() < 2) {
    return WithReason(
        absl::NotFoundError(absl::StrCat("session ", id.value,
                                         ": there is no incarnation before the newest, or its "
                                         "retention is over")),
        "SESSION_NOT_FOUND", {{"namespace", ns}, {"session", id.value}});
  }
  return std::next(incarnations.rbegin())->first;
}

absl::Status Core::DrainProxy(absl::string_view proxy, std::optional<absl::Duration> deadline) {
  RETURN_IF_ERROR(table_.CanDecide());
  bool is_known = false;
  for (const auto& listed : table_.proxies.List(table_.clock.Now())) {
    if (listed.entry.id != proxy) continue;
    is_known = true;
    if (listed.link == 0 || !table_.links.Send(listed.link, route::Drain{deadline})) continue;
    Log(LogLevel::kInfo, "proxy_told_to_leave", {{"proxy", proxy}});
    return absl::OkStatus();
  }
  if (is_known) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "drain proxy ", proxy, ": it is not connected; delete its pod if that still runs")),
        "PROXY_LOST", {{"proxy", proxy}});
  }
  return WithReason(absl::NotFoundError(absl::StrCat(
                        "drain proxy ", proxy, ": there is none of this id; list the proxies")),
                    "PROXY_NOT_FOUND", {{"proxy", proxy}});
}

}  // namespace spawner::core
