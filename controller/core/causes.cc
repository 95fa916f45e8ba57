#include "controller/core/causes.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/session/limits.h"

namespace spawner::core {
namespace {

using route::ProxyUsage;

std::vector<ProxyUsage> Proxies(const Table& table, const Incarnation& incarnation, Instant now) {
  return table.proxies.UsageOf(incarnation.identity.id, incarnation.identity.epoch,
                               incarnation.first_version, now);
}

size_t ConnectedProxies(const Table& table) {
  size_t connected = 0;
  for (const auto& proxy : table.proxies.List(table.clock.Now())) connected += proxy.is_connected;
  return connected;
}

std::string CauseOfReady(const Table& table, const Incarnation& incarnation) {
  const size_t proxies = ConnectedProxies(table);
  if (proxies == 0) return "pod ready; no proxy is connected";
  if (!table.proxies.IsAcked(incarnation.published_version)) {
    return absl::StrCat("pod ready; not every proxy knew its route within ",
                        absl::FormatDuration(kRouteAckWaitMax));
  }
  return absl::StrCat("pod ready; ", Counted(static_cast<int64_t>(proxies), "proxy"), " know",
                      proxies == 1 ? "s" : "", " its route");
}

std::string CauseOfDraining(const Table& table, const Incarnation& incarnation) {
  const Plan& plan = incarnation.plan;
  const std::string since = TimeOfDay(table.WallOf(plan.idle_since));
  const bool was_held = incarnation.session.held_until == plan.idle_since;
  const std::string grace = absl::FormatDuration(plan.idle_grace);
  if (was_held) {
    return absl::StrCat("held until ", since, ", nobody connected since, grace ", grace, " over");
  }
  if (incarnation.was_used) {
    return absl::StrCat("nobody connected since ", since, ", grace ", grace, " over");
  }
  if (incarnation.session.is_adopted) {
    return absl::StrCat("nobody seen since ", since, ", grace ", grace, " over");
  }
  return absl::StrCat("nobody connected yet, initial grace ", grace, " over since ",
                      TimeOfDay(table.WallOf(plan.idle_since + plan.idle_grace)));
}

// Who was found behind the closed gate, or why the count did not come.
std::string CauseOfReopening(const Table& table, const Incarnation& incarnation) {
  const Instant now = table.clock.Now();
  std::vector<std::string> found;
  std::vector<std::string> silent;
  for (const ProxyUsage& proxy : Proxies(table, incarnation, now)) {
    const bool is_counted =
        proxy.gate.has_value() && proxy.gate->gate_version >= incarnation.published_version;
    if (is_counted && proxy.gate->open > 0) {
      found.push_back(absl::StrCat("proxy ", proxy.proxy, " counted ", proxy.gate->open,
                                   " open behind the gate"));
    } else if (is_counted && proxy.gate->waiting > 0) {
      found.push_back(absl::StrCat("at proxy ", proxy.proxy, " ",
                                   Counted(proxy.gate->waiting, "request"), " came to the gate"));
    } else if (proxy.usage.open > 0) {
      found.push_back(absl::StrCat("proxy ", proxy.proxy, " has ", proxy.usage.open, " open"));
    } else if (proxy.unknown_until.has_value()) {
      silent.push_back(absl::StrCat("proxy ", proxy.proxy, " is lost: what it has is not known"));
    }
  }
  if (!found.empty()) return absl::StrJoin(found, "; ");
  if (!silent.empty()) return absl::StrJoin(silent, "; ");
  if (incarnation.plan.is_lost) return "its node does not answer";
  if (incarnation.plan.was_refused) return "somebody was found behind the gate";
  if (incarnation.plan.idle_deadline.has_value() && *incarnation.plan.idle_deadline > now) {
    return "it was asked for again";
  }
  return absl::StrCat("not every proxy counted within ", absl::FormatDuration(kGateWaitMax));
}

std::string CauseOfStop(const Incarnation& incarnation) {
  if (incarnation.presence == PodView::Presence::kGone) return "its pod is gone";
  if (incarnation.plan.exit_code.has_value()) {
    return absl::StrCat("the backend left with exit code ", *incarnation.plan.exit_code);
  }
  return "no process of it is left";
}

std::string At(const Table& table, Instant at, Instant now) {
  return absl::StrCat(
      "at ", TimeOfDay(table.WallOf(at)), " (in ",
      absl::FormatDuration(absl::Ceil(std::max(at - now, absl::ZeroDuration()), absl::Seconds(1))),
      ")");
}

std::string Of(const ProxyUsage& proxy) {
  std::string text = absl::StrCat("proxy ", proxy.proxy);
  if (proxy.link == 0) {
    absl::StrAppend(&text, " (lost for ",
                    absl::FormatDuration(absl::Trunc(proxy.lost_for, absl::Seconds(1))), ")");
  }
  return text;
}

void AddProxies(const Table& table, const Incarnation& incarnation, Instant now,
                std::vector<std::string>& reasons) {
  for (const ProxyUsage& proxy : Proxies(table, incarnation, now)) {
    const route::SessionUsage& usage = proxy.usage;
    if (usage.open > 0) {
      std::string text = absl::StrCat(Of(proxy), " has ", Counted(usage.open, "connection"));
      if (usage.held > 0) absl::StrAppend(&text, ", ", usage.held, " of them held");
      reasons.push_back(absl::StrCat(text, "."));
    }
    if (!proxy.unknown_until.has_value()) continue;
    reasons.push_back(absl::StrCat(
        Of(proxy), " may have connections that nobody can count: nothing ends as idle ",
        *proxy.unknown_until == Instant::Infinite()
            ? std::string("until it is back, or its pod is gone")
            : absl::StrCat("before it is back, its pod is gone, or ",
                           At(table, *proxy.unknown_until, now)),
        "."));
  }
}

std::string Started(const Incarnation& incarnation) {
  std::string text = absl::StrCat("It is starting (", Name(incarnation.plan.phase), ")");
  if (incarnation.plan.message.has_value()) {
    absl::StrAppend(&text, ": ", *incarnation.plan.message);
  }
  return text;
}

std::string VerdictOfEnd(const Table& table, const Incarnation& incarnation) {
  const Plan& plan = incarnation.plan;
  const bool is_over = plan.state == SessionState::kTerminated;
  std::string text =
      absl::StrCat(is_over ? "It ended" : "It is being stopped", " as ", Name(plan.reason));
  if (incarnation.end_time.has_value()) {
    absl::StrAppend(&text, is_over ? " at " : ", decided at ", TimeOfDay(*incarnation.end_time));
  }
  if (plan.message.has_value()) absl::StrAppend(&text, ": ", *plan.message);
  return absl::StrCat(text, ".");
}

// The lifetime's end, whatever happens before.
std::string Lifetime(const Table& table, const Incarnation& incarnation, Instant now) {
  const auto& deadline = incarnation.plan.lifetime_deadline;
  if (!deadline.has_value()) return "";
  return absl::StrCat(" Whatever happens it ends as MAX_LIFETIME ", At(table, *deadline, now), ".");
}

std::string VerdictOfReady(const Table& table, const Incarnation& incarnation, Instant now) {
  const Plan& plan = incarnation.plan;
  const IdlePolicy& idle = incarnation.session.spec->idle;
  if (idle.never) return "It never ends as idle: its policy says on_idle KEEP.";
  if (incarnation.open > 0) {
    return absl::StrCat("It ends as IDLE ", absl::FormatDuration(idle.grace),
                        " after the last connection has closed.");
  }
  if (plan.idle_deadline.has_value()) {
    if (plan.state == SessionState::kDraining || *plan.idle_deadline <= now) {
      return "Its gate is closed: it ends as IDLE as soon as every proxy has counted zero.";
    }
    return absl::StrCat("It ends as IDLE ", At(table, *plan.idle_deadline, now),
                        " if nobody connects.");
  }
  if (plan.is_lost) return "Its node does not answer: unknown is never idle.";
  return "It does not end as idle while something of the above holds.";
}

}  // namespace

std::string TimeOfDay(absl::Time time) {
  return absl::FormatTime("%H:%M:%S UTC", time, absl::UTCTimeZone());
}

std::string Counted(int64_t count, absl::string_view one) {
  if (count == 1) return absl::StrCat("1 ", one);
  if (one == "proxy") return absl::StrCat(count, " proxies");
  return absl::StrCat(count, " ", one, "s");
}

std::string CauseOfPhase(const Incarnation& incarnation) {
  const kube::PodState* pod = incarnation.pod.has_value() ? &incarnation.pod->pod : nullptr;
  switch (incarnation.plan.phase) {
    case StartPhase::kScheduling:
      return "pod created; waiting for a node";
    case StartPhase::kPulling:
      return absl::StrCat("scheduled on node ", pod == nullptr ? "" : pod->node);
    case StartPhase::kStarted:
      return "the backend's container runs";
    case StartPhase::kRouting:
      return "pod ready; proxies learn its route";
    case StartPhase::kNone:
      break;
  }
  return "pod created";
}

std::string CauseOfEnd(const Table& table, const Incarnation& incarnation) {
  const Plan& plan = incarnation.plan;
  std::string cause = absl::StrCat(Name(plan.reason), ": ", plan.message.value_or_empty());
  if (plan.reason == EndReason::kIdle && incarnation.published == RouteGoal::kGated) {
    const auto proxies = static_cast<int64_t>(ConnectedProxies(table));
    absl::StrAppend(&cause, "; ", Counted(proxies, "proxy"), " counted zero");
  }
  return cause;
}

std::string CauseOf(const Table& table, const Incarnation& incarnation, SessionState from,
                    SessionState to) {
  switch (to) {
    case SessionState::kPending:
      return "asked for; the pod is being created";
    case SessionState::kStarting:
      return CauseOfPhase(incarnation);
    case SessionState::kReady:
      if (from == SessionState::kDraining) return CauseOfReopening(table, incarnation);
      return CauseOfReady(table, incarnation);
    case SessionState::kDraining:
      return CauseOfDraining(table, incarnation);
    case SessionState::kTerminating:
      return CauseOfEnd(table, incarnation);
    case SessionState::kTerminated:
      if (from == SessionState::kTerminating) return CauseOfStop(incarnation);
      return CauseOfEnd(table, incarnation);
  }
  return "";
}

std::vector<std::string> ReasonsAlive(const Table& table, const Incarnation& incarnation,
                                      Instant now) {
  std::vector<std::string> reasons;
  if (IsEnded(incarnation)) return reasons;
  const Plan& plan = incarnation.plan;
  if (incarnation.session.decision.has_value()) {
    reasons.push_back(absl::StrCat("Its end as ", Name(incarnation.session.decision->reason),
                                   " is decided, and not written to Kubernetes yet."));
  }
  if (plan.state == SessionState::kPending) {
    reasons.push_back("Its pod is being created.");
  } else if (plan.state == SessionState::kStarting) {
    reasons.push_back(absl::StrCat(Started(incarnation), "; idleness counts from READY."));
  }
  for (const auto& [owner, hold] : incarnation.holds) {
    if (hold.until <= now) continue;
    reasons.push_back(absl::StrCat(
        "Held by ", owner, " until ", TimeOfDay(table.WallOf(hold.until)), " (for another ",
        absl::FormatDuration(absl::Ceil(hold.until - now, absl::Seconds(1))), ")",
        hold.shown.reason.empty() ? "" : ": ", hold.shown.reason, "."));
  }
  if (incarnation.session.spec->idle.never) reasons.push_back("Its policy says on_idle KEEP.");
  AddProxies(table, incarnation, now, reasons);
  if (plan.is_lost) {
    reasons.push_back(absl::StrCat("Node ", incarnation.pod->pod.node,
                                   " does not answer: what is open there is not known."));
  }
  if (!table.leadership.is_leader) {
    reasons.push_back("This controller does not lead: what proxies report it does not know.");
  }
  if (plan.state == SessionState::kReady && plan.idle_deadline.has_value() &&
      *plan.idle_deadline > now && plan.idle_since <= now) {
    reasons.push_back(absl::StrCat("Nobody is connected; its grace of ",
                                   absl::FormatDuration(plan.idle_grace), " runs since ",
                                   TimeOfDay(table.WallOf(plan.idle_since)), "."));
  }
  return reasons;
}

std::string VerdictOf(const Table& table, const Incarnation& incarnation, Instant now) {
  const Plan& plan = incarnation.plan;
  if (IsEnded(incarnation)) return VerdictOfEnd(table, incarnation);
  if (incarnation.session.decision.has_value()) {
    return absl::StrCat("It ends as ", Name(incarnation.session.decision->reason),
                        " as soon as that is written to Kubernetes.");
  }
  if (plan.state >= SessionState::kReady) {
    return absl::StrCat(VerdictOfReady(table, incarnation, now), Lifetime(table, incarnation, now));
  }
  const Instant until =
      incarnation.session.created_at + incarnation.session.spec->lifetime.start_timeout;
  return absl::StrCat("It ends as START_TIMEOUT, or with a more exact reason, ",
                      At(table, until, now), " if it is not ready by then.",
                      Lifetime(table, incarnation, now));
}

}  // namespace spawner::core
