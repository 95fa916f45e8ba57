// What the core shows: one session, many, and their changes.
#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/core/core.h"
#include "controller/core/limits.h"
#include "controller/core/pod_feed.h"

namespace spawner::core {
namespace {

// Two views that a watcher would call the same. Deadlines move with every second of use and are
// no news by themselves.
bool IsSame(const SessionView& a, const SessionView& b) {
  return a.state == b.state && a.phase == b.phase && a.reason == b.reason &&
         a.exit_code == b.exit_code && a.message == b.message && a.node == b.node &&
         a.ready_time == b.ready_time && a.end_time == b.end_time &&
         a.connections == b.connections && a.conditions.size() == b.conditions.size() &&
         a.idle_deadline.has_value() == b.idle_deadline.has_value();
}

std::string TokenOf(const SessionView& view) {
  return absl::StrCat(view.id.value, ".", view.epoch.value);
}

}  // namespace

absl::Time Core::WallOf(Instant at) const { return clock_.WallNow() + (at - clock_.Now()); }

SessionView Core::ViewOf(const Incarnation& incarnation) const {
  const Plan& plan = incarnation.plan;
  SessionView view;
  view.ns = incarnation.identity.ns;
  view.id = incarnation.identity.id;
  view.key = incarnation.identity.key;
  view.state = plan.state;
  view.phase = plan.phase;
  view.reason = plan.reason;
  view.exit_code = plan.exit_code;
  view.message = plan.message;
  view.epoch = incarnation.identity.epoch;
  view.pod = PodName(view.id, view.epoch);
  if (incarnation.pod.has_value()) view.node = incarnation.pod->pod.node;
  view.create_time = incarnation.create_time;
  view.ready_time = incarnation.ready_time;
  view.end_time = incarnation.end_time;
  view.connections = IsEnded(incarnation) ? 0 : incarnation.open;
  view.last_active_time = incarnation.last_active_time;
  if (plan.idle_deadline.has_value()) view.idle_deadline = WallOf(*plan.idle_deadline);
  if (plan.lifetime_deadline.has_value()) view.lifetime_deadline = WallOf(*plan.lifetime_deadline);
  if (incarnation.lost_time.has_value()) {
    view.conditions.push_back({"Lost", true, absl::StrCat("node ", view.node, " does not answer"),
                               *incarnation.lost_time});
  }
  view.etag = absl::StrCat(view.epoch.value, "-", incarnation.changes);
  view.spec = incarnation.session.spec;
  return view;
}

void Core::Show(Incarnation& incarnation) {
  SessionView view = ViewOf(incarnation);
  if (incarnation.shown.has_value() && IsSame(*incarnation.shown, view)) return;
  ++incarnation.changes;
  view = ViewOf(incarnation);
  std::optional<SessionState> was;
  if (incarnation.shown.has_value()) was = incarnation.shown->state;
  events_.Append(was.has_value() ? WatchEventType::kModified : WatchEventType::kAdded, view, was);
  incarnation.shown = std::move(view);
}

std::vector<SessionView> Core::AllViews() const {
  std::vector<SessionView> views;
  views.reserve(incarnations_);
  for (const auto& [id, slot] : slots_) {
    for (const auto& [epoch, incarnation] : slot.incarnations) {
      if (incarnation->has_plan) views.push_back(ViewOf(*incarnation));
    }
  }
  return views;
}

absl::StatusOr<Incarnation*> Core::FindNamed(absl::string_view ns, const SessionId& id,
                                             Epoch epoch) {
  const auto slot = slots_.find(id);
  Incarnation* found = nullptr;
  if (slot != slots_.end()) found = epoch.value == 0 ? slot->second.newest() : Find(id, epoch);
  if (found == nullptr || found->identity.ns != ns) {
    if (!IsSynced()) {
      return WithRetryAfter(WithReason(absl::UnavailableError("the pods have not been listed yet"),
                                       "KUBERNETES_UNREACHABLE"),
                            absl::Seconds(1));
    }
    return WithReason(
        absl::NotFoundError(absl::StrCat("session ", id.value, " in namespace ", ns,
                                         epoch.value == 0 ? "" : " with that epoch",
                                         ": there is none, or its retention is over")),
        "SESSION_NOT_FOUND");
  }
  if (!found->has_plan) LookAt(id, clock_.Now());
  return found;
}

absl::StatusOr<SessionView> Core::Get(absl::string_view ns, const SessionId& id, Epoch epoch) {
  const auto found = FindNamed(ns, id, epoch);
  if (!found.ok()) return found.status();
  return ViewOf(**found);
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
  for (auto slot = slots_.lower_bound(from); slot != slots_.end(); ++slot) {
    for (const auto& [epoch, incarnation] : slot->second.incarnations) {
      if (!incarnation->has_plan || (slot->first == from && epoch <= after)) continue;
      SessionView view = ViewOf(*incarnation);
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
  return events_.Watch(filter, resume_version,
                       resume_version.empty() ? AllViews() : std::vector<SessionView>(),
                       clock_.Now(), watcher);
}

void Core::OnLinkMessage(LinkId link, route::FromProxy message) {
  links_.OnMessage(link, std::move(message), clock_.Now());
  TakeRegistryChanges();
}

void Core::CloseLink(LinkId link) {
  links_.Close(link, clock_.Now());
  TakeRegistryChanges();
}

void Core::OnRosterSaved(const std::string& roster) { links_.OnRosterSaved(roster); }

CoreStatus Core::GetStatus() {
  CoreStatus status;
  status.controller_id = options_.controller_id;
  status.is_leader = leadership_.is_leader;
  status.leader_id = leadership_.leader_id;
  status.leader_address = leadership_.leader_address;
  status.leadership = leadership_.number;
  status.kubernetes = options_.kubernetes;
  status.is_synced = IsSynced();
  for (const auto& [ns, feed] : feeds_) {
    status.namespaces.push_back(ns);
    if (!feed->status().ok()) status.kubernetes_status = feed->status();
  }
  for (const auto& [id, slot] : slots_) {
    for (const auto& [epoch, incarnation] : slot.incarnations) {
      if (incarnation->has_plan) ++status.sessions[incarnation->plan.state];
    }
  }
  for (const auto& listed : proxies_.List(clock_.Now())) {
    status.proxies.push_back({.id = listed.entry.id,
                              .pod = listed.entry.pod_name,
                              .version = listed.version,
                              .is_connected = listed.is_connected,
                              .lost_for = listed.lost_for,
                              .route_version = listed.acked,
                              .connections = listed.connections});
  }
  status.counters = counters_;
  return status;
}

}  // namespace spawner::core
