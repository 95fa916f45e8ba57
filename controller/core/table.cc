#include "controller/core/table.h"

#include <algorithm>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/core/session_error.h"
#include "controller/session/pod_template.h"

namespace spawner::core {
namespace {

// Of what a watcher would call a change. Deadlines move with every second of use and are no news by
// themselves.
uint64_t DigestOf(const SessionView& view) {
  const auto time = [](std::optional<absl::Time> at) { return at.value_or(absl::InfinitePast()); };
  uint64_t digest = absl::HashOf(view.state, view.phase, view.reason, view.exit_code.has_value(),
                                 view.exit_code.value_or(0), view.message, view.node,
                                 time(view.ready_time), time(view.end_time), view.connections,
                                 view.conditions.size(), view.idle_deadline.has_value());
  for (const Hold& hold : view.holds) digest = absl::HashOf(digest, hold.owner, hold.reason);
  return digest;
}

}  // namespace

Table::Table(kube::KubeClient& a_client, const Clock& a_clock, Random& a_random, CoreOptions some)
    : client(a_client),
      clock(a_clock),
      random(a_random),
      options(std::move(some)),
      identity(options.install_secret),
      proxies(options.lost_proxy_hold),
      links(routes, proxies),
      events(random.Base32(8)) {
  for (const std::string& ns : options.namespaces) pod_views[ns] = {};
}

bool Table::IsSynced() const {
  return std::all_of(pod_views.begin(), pod_views.end(),
                     [](const auto& view) { return view.second.is_synced; });
}

absl::Status Table::CanDecide() const {
  if (!leadership.is_leader) {
    return WithRetryAfter(
        WithReason(
            absl::UnavailableError(
                leadership.leader_address.empty()
                    ? std::string("this controller does not lead, and no leader is known; "
                                  "an election takes some seconds, try again")
                    : absl::StrCat("this controller does not lead; ", leadership.leader_address,
                                   " does: call it, or try again")),
            "NO_LEADER", {{"leader", leadership.leader_address}}),
        absl::Seconds(1));
  }
  if (!has_taken_over) {
    return WithRetryAfter(
        WithReason(
            absl::UnavailableError("the pods have not been listed yet; try again in a second"),
            "KUBERNETES_UNREACHABLE"),
        absl::Seconds(1));
  }
  return absl::OkStatus();
}

Incarnation* Table::Find(const SessionId& id, Epoch epoch) {
  const auto slot = slots.find(id);
  if (slot == slots.end()) return nullptr;
  const auto found = slot->second.incarnations.find(epoch);
  return found == slot->second.incarnations.end() ? nullptr : found->second.get();
}

absl::StatusOr<Incarnation*> Table::FindNamed(absl::string_view ns, const SessionId& id,
                                              Epoch epoch) {
  const auto find = [&] { return epoch.value == 0 ? FindNewest(id) : Find(id, epoch); };
  Incarnation* found = find();
  if (found != nullptr && found->identity.ns == ns && !found->has_plan) {
    look_at(id);
    found = find();  // that look may have been the one that forgets it
  }
  if (found == nullptr || found->identity.ns != ns) {
    if (!IsSynced()) {
      return WithRetryAfter(WithReason(absl::UnavailableError("the pods have not been listed yet"),
                                       "KUBERNETES_UNREACHABLE"),
                            absl::Seconds(1));
    }
    return WithReason(
        absl::NotFoundError(absl::StrCat(
            "session ", id.value, " in namespace ", ns, epoch.value == 0 ? "" : " with that epoch",
            ": there is none, or its retention is over; list the sessions, or "
            "connect by its key")),
        "SESSION_NOT_FOUND", {{"namespace", ns}, {"session", id.value}});
  }
  return found;
}

SessionView Table::ViewOf(const Incarnation& incarnation) const {
  const Plan& plan = incarnation.plan;
  SessionView view;
  view.ns = incarnation.identity.ns;
  view.id = incarnation.identity.id;
  view.key = incarnation.identity.key;
  view.user = incarnation.identity.user.value_or_empty();
  view.state = plan.state;
  view.phase = plan.phase;
  view.reason = plan.reason;
  view.exit_code = plan.exit_code;
  view.message = plan.message.value_or_empty();
  view.epoch = incarnation.identity.epoch;
  view.pod = PodName(view.id, view.epoch);
  if (incarnation.pod.has_value()) view.container = BackendContainerOf(incarnation.pod->pod);
  if (incarnation.pod.has_value()) view.node = incarnation.pod->pod.node;
  view.create_time = incarnation.create_time;
  view.ready_time = incarnation.ready_time;
  if (incarnation.end_time.has_value()) view.end_time = *incarnation.end_time;
  view.connections = IsEnded(incarnation) ? 0 : incarnation.open;
  view.last_active_time = incarnation.last_active_time;
  if (plan.idle_deadline.has_value()) view.idle_deadline = WallOf(*plan.idle_deadline);
  if (plan.lifetime_deadline.has_value()) view.lifetime_deadline = WallOf(*plan.lifetime_deadline);
  if (incarnation.lost_time.has_value()) {
    view.conditions.push_back({"Lost", true, absl::StrCat("node ", view.node, " does not answer"),
                               *incarnation.lost_time});
  }
  if (incarnation.warning.has_value()) {
    const Incarnation::Warning& warning = *incarnation.warning;
    const bool is_idle = warning.end.as == EndReason::kIdle;
    view.conditions.push_back(
        {"EndingSoon", true,
         absl::StrCat("ends as ", std::string(Name(warning.end.as)), " at ",
                      absl::FormatTime(absl::RFC3339_sec, warning.ends_at, absl::UTCTimeZone()),
                      is_idle ? " unless somebody connects" : ""),
         warning.since});
  }
  if (!IsEnded(incarnation)) {
    for (const auto& [owner, hold] : incarnation.holds) view.holds.push_back(hold.shown);
  }
  view.etag = EtagOf(incarnation);
  view.spec = incarnation.session.spec;
  return view;
}

void Table::Show(Incarnation& incarnation) {
  SessionView view = ViewOf(incarnation);
  const uint64_t digest = DigestOf(view);
  if (incarnation.shown.has_value() && incarnation.shown->digest == digest) return;
  ++incarnation.changes;
  view.etag = EtagOf(incarnation);
  std::optional<SessionState> was;
  if (incarnation.shown.has_value()) was = incarnation.shown->state;
  incarnation.shown = {view.state, digest};
  events.Append(was.has_value() ? WatchEventType::kModified : WatchEventType::kAdded,
                std::move(view), was);
}

std::string Table::EtagOf(const Incarnation& incarnation) const {
  return absl::StrCat(incarnation.identity.epoch.value, "-", events.process(), "-",
                      incarnation.changes);
}

Incarnation* Table::FindNewest(const SessionId& id) {
  const auto slot = slots.find(id);
  return slot == slots.end() ? nullptr : slot->second.newest();
}

absl::Status Table::CheckEpoch(const Incarnation& incarnation, Epoch wanted,
                               absl::string_view tried) {
  if (wanted.value == 0 || wanted == incarnation.identity.epoch) return absl::OkStatus();
  return OfSession(
      WithReason(absl::AbortedError(absl::StrCat(
                     tried, "its epoch is ", incarnation.identity.epoch.value, ", not ",
                     wanted.value, "; another incarnation lives by now, get it again")),
                 "EPOCH_FENCED", {{"asked_epoch", wanted.value}}),
      incarnation.identity);
}

absl::Status Table::CheckIdle(const Incarnation& incarnation, Instant now,
                              absl::string_view tried) const {
  const auto usage = proxies.SumUsage(incarnation.identity.id, incarnation.identity.epoch,
                                      incarnation.first_version);
  std::string why;
  std::string owner;
  if (usage.open > 0) {
    why = absl::StrCat(usage.open, usage.open == 1 ? " connection is" : " connections are",
                       " open; wait until nobody is connected, or end it whether idle or not");
  } else if (!usage.is_known) {
    why =
        "a proxy is lost, it may have connections; wait until it is back or forgotten, or end it "
        "whether idle or not";
  }
  for (const auto& [holder, hold] : incarnation.holds) {
    if (!why.empty() || hold.until <= now) continue;
    owner = holder;
    why = absl::StrCat("\"", owner, "\" holds it until ",
                       absl::FormatTime(absl::RFC3339_sec, WallOf(hold.until), absl::UTCTimeZone()),
                       hold.shown.reason.empty() ? "" : ": ", hold.shown.reason,
                       "; release the hold, or end it whether idle or not");
  }
  if (why.empty()) return absl::OkStatus();
  const absl::Status status =
      WithReason(absl::FailedPreconditionError(absl::StrCat(tried, why)), "NOT_IDLE",
                 {{"connections", usage.open}, {"hold_owner", owner}});
  return OfSession(status, incarnation.identity);
}

}  // namespace spawner::core
