#include "controller/core/fairness.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/core/limits.h"

namespace spawner::core {

Fairness::Fairness(const Clock& clock, FairnessLimits limits)
    : clock_(clock),
      limits_(limits),
      namespaces_("namespace", limits.connects_per_namespace),
      callers_("caller", limits.connects_per_caller),
      queue_(limits.starts) {}

void Fairness::Close() {
  if (source_.has_value() && watch_.has_value()) source_->cancel(*watch_);
  watch_.reset();
  source_.reset();
  Forget();
}

void Fairness::Watch() {
  absl::StatusOr<Service::WatchId> watch = source_->watch(this);
  if (watch.ok()) watch_ = *watch;
}

void Fairness::Forget() {
  for (const auto& [name, seen] : seen_) Count(seen, -1);
  seen_.clear();
}

void Fairness::OnWatchEnd(const absl::Status&) {
  watch_.reset();
  Forget();
  is_due_ = true;
}

void Fairness::Count(const Seen& seen, int by) {
  Used& used = used_[seen.ns];
  used.connections += by * seen.connections;
  if (seen.is_live) {
    used.sessions += by;
    if (by > 0) live_.emplace(seen.ns, seen.key);
    if (by < 0) live_.erase(live_.find({seen.ns, seen.key}));
  }
  if (seen.is_starting && by > 0) queue_.Add(seen.ns);
  if (seen.is_starting && by < 0) queue_.Remove(seen.ns);
  if (used.sessions == 0 && used.connections == 0) used_.erase(seen.ns);
}

bool Fairness::OnWatchEvent(const WatchEvent& event) {
  if (event.type == WatchEventType::kBookmark) return true;
  const SessionView& view = event.session;
  const std::pair<SessionId, Epoch> name(view.id, view.epoch);
  const auto before = seen_.find(name);
  const bool is_new = before == seen_.end();
  if (!is_new) {
    Count(before->second, -1);
    seen_.erase(before);
  }
  is_due_ = true;  // not from here: the core is in the middle of its tables
  if (event.type == WatchEventType::kDeleted) return true;
  const Seen seen{.ns = view.ns,
                  .key = view.key.name,
                  .is_live = view.state < SessionState::kTerminating,
                  .is_starting = view.state < SessionState::kReady,
                  .connections = view.connections};
  Count(seen, 1);
  seen_.emplace(name, seen);
  if (!is_new || !seen.is_live) return true;
  // Now it is seen who was let in for it: of a key all, for they join it; else one.
  const KeyName key(seen.ns, seen.key);
  for (auto it = reserved_.begin(); it != reserved_.end();) {
    const auto reserved = it++;
    if (reserved->second != key) continue;
    Unreserve(reserved);
    if (seen.key.empty()) break;
  }
  return true;
}

absl::Status Fairness::CheckSessions(const std::string& ns) const {
  const auto used = used_.find(ns);
  const int64_t quota = limits_.sessions_per_namespace;
  if (quota == 0 || used == used_.end() || used->second.sessions < quota) return absl::OkStatus();
  return WithReason(
      absl::ResourceExhaustedError(absl::StrCat(
          "connect: namespace ", ns, " has ", used->second.sessions, " sessions, and may have ",
          quota, "; end some, or raise the controller's --quota-sessions-per-namespace")),
      "QUOTA_SESSIONS");
}

absl::Status Fairness::CheckConnections(const std::string& ns) const {
  const auto used = used_.find(ns);
  const int64_t quota = limits_.connections_per_namespace;
  if (quota == 0 || used == used_.end() || used->second.connections < quota) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::ResourceExhaustedError(absl::StrCat(
          "connect: namespace ", ns, " has ", used->second.connections,
          " connections open, and may have ", quota,
          "; close some, or raise the controller's --quota-connections-per-namespace")),
      "QUOTA_CONNECTIONS");
}

void Fairness::Enter(const Order& order, Entered entered) {
  // Only the leader starts sessions, and what is passed on to it is counted there.
  if (!limits_.HasAny() || !source_.has_value() || !source_->is_leader()) {
    return entered(Ticket{0});
  }
  if (!watch_.has_value()) Watch();
  const Instant now = clock_.Now();
  absl::Status status = namespaces_.Check(order.ns, now);
  if (status.ok() && !order.caller.empty()) status = callers_.Check(order.caller, now);
  if (status.ok()) status = CheckConnections(order.ns);
  const bool starts =
      order.has_spec && (order.key.name.empty() || !live_.contains({order.ns, order.key.name}));
  if (status.ok() && starts) status = CheckSessions(order.ns);
  if (!status.ok()) return entered(status);
  namespaces_.Take(order.ns, now);
  if (!order.caller.empty()) callers_.Take(order.caller, now);
  if (!starts) return entered(Ticket{0});
  const Instant deadline = std::min(order.deadline - kStartWaitMargin, now + kStartWaitMax);
  status = queue_.Wait(
      order.ns, std::max(deadline, now + absl::Nanoseconds(1)),
      [this, order, entered](const absl::Status& turn) { Start(order, turn, entered); });
  if (!status.ok()) return entered(status);
  Step(now);
}

// It is this one's turn, and the queue counts it as running; or its time is over.
void Fairness::Start(const Order& order, const absl::Status& status, const Entered& entered) {
  if (!status.ok()) return entered(status);
  if (const absl::Status quota = CheckSessions(order.ns); !quota.ok()) {  // others were first
    queue_.Remove(order.ns);
    is_due_ = true;
    return entered(quota);
  }
  const Ticket ticket = ++last_ticket_;
  reserved_.emplace(ticket, KeyName(order.ns, order.key.name));
  ++used_[order.ns].sessions;
  entered(ticket);
}

void Fairness::Unreserve(std::map<Ticket, KeyName>::iterator reserved) {
  const std::string ns = reserved->second.first;
  reserved_.erase(reserved);
  queue_.Remove(ns);
  Used& used = used_[ns];
  --used.sessions;
  if (used.sessions == 0 && used.connections == 0) used_.erase(ns);
  is_due_ = true;
}

void Fairness::Leave(Ticket ticket) {
  if (const auto reserved = reserved_.find(ticket); reserved != reserved_.end()) {
    Unreserve(reserved);
  }
}

void Fairness::Step(Instant now) {
  is_due_ = false;
  for (const StartQueue::Ready& ready : queue_.Due(now)) ready.go(ready.status);
}

std::vector<Fairness::Quota> Fairness::QuotasOf(const std::string& ns) {
  if (!watch_.has_value() && source_.has_value()) Watch();
  const auto found = used_.find(ns);
  const Used used = found == used_.end() ? Used{} : found->second;
  return {{"sessions", used.sessions, limits_.sessions_per_namespace},
          {"starts", queue_.running(ns), limits_.starts.per_namespace},
          {"connections", used.connections, limits_.connections_per_namespace},
          {"connects_per_second", namespaces_.Used(ns, clock_.Now()),
           static_cast<int64_t>(limits_.connects_per_namespace)}};
}

}  // namespace spawner::core
