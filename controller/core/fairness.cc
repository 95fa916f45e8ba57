#include "controller/core/fairness.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/core/limits.h"

namespace spawner::core {
namespace {

// "", or the refusal's words if `used` is all that is allowed.
std::string Over(absl::string_view who, int64_t used, int64_t allowed, absl::string_view what,
                 absl::string_view remedy, absl::string_view flag) {
  if (allowed == 0 || used < allowed) return "";
  return absl::StrCat("connect: ", who, " has ", used, " ", what, ", and may have ", allowed, "; ",
                      remedy, " some, or raise the controller's --", flag);
}

template <typename Map, typename Key>
auto UsedOf(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? typename Map::mapped_type{} : found->second;
}

}  // namespace

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
  if (watch.ok()) watch_ = *watch;  // else Step tries again
}

void Fairness::Forget() {
  for (const auto& [name, seen] : seen_) Count(seen, -1);
  seen_.clear();
  is_counted_ = false;
}

void Fairness::OnWatchEnd(const absl::Status&) {
  watch_.reset();
  Forget();
  is_due_ = true;
}

void Fairness::Count(const Seen& seen, int by) {
  Add(seen.ns, seen.user, seen.is_live ? by : 0, by * seen.connections);
  const bool holds_key = seen.is_live && !seen.key.empty();
  if (holds_key && by > 0) live_.emplace(KeyName(seen.ns, seen.key), seen.user);
  if (holds_key && by < 0) {
    const auto [first, last] = live_.equal_range({seen.ns, seen.key});
    live_.erase(
        std::find_if(first, last, [&](const auto& entry) { return entry.second == seen.user; }));
  }
  if (seen.is_starting && by > 0) queue_.Add(seen.ns);
  if (seen.is_starting && by < 0) queue_.Remove(seen.ns);
}

void Fairness::Add(const std::string& ns, const std::string& user, int64_t sessions,
                   int64_t connections) {
  const auto add = [&](auto& map, const auto& key) {
    Used& used = map[key];
    used.sessions += sessions;
    used.connections += connections;
    if (used.sessions == 0 && used.connections == 0) map.erase(key);
  };
  add(used_, ns);
  if (!user.empty()) add(used_by_users_, UserName(ns, user));
}

bool Fairness::OnWatchEvent(const WatchEvent& event) {
  if (event.type == WatchEventType::kBookmark) {
    is_due_ = is_due_ || !is_counted_;
    is_counted_ = true;  // the first one ends the list
    return true;
  }
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
                  .user = view.user,
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
    if (reserved->second.key != key) continue;
    if (seen.key.empty() && reserved->second.user != seen.user) continue;
    Unreserve(reserved);
    if (seen.key.empty()) break;
  }
  return true;
}

const std::string& Fairness::OwnerOf(const Order& order) const {
  const auto live = order.key.name.empty() ? live_.end() : live_.find({order.ns, order.key.name});
  return live == live_.end() ? order.user : live->second;
}

bool Fairness::Starts(const Order& order) const {
  return order.has_spec && (order.key.name.empty() || !live_.contains({order.ns, order.key.name}));
}

absl::Status Fairness::CheckSessions(const Order& order) const {
  const std::string& ns = order.ns;
  std::string why = Over(absl::StrCat("namespace ", ns), UsedOf(used_, ns).sessions,
                         limits_.sessions_per_namespace.Of(ns), "sessions", "end",
                         "quota-sessions-per-namespace");
  if (why.empty() && !order.user.empty()) {
    const int64_t used = UsedOf(used_by_users_, UserName(ns, order.user)).sessions;
    why = Over(absl::StrCat("user ", order.user), used, limits_.sessions_per_user.Of(ns),
               absl::StrCat("sessions in namespace ", ns), "end", "quota-sessions-per-user");
  }
  if (why.empty()) return absl::OkStatus();
  return WithReason(absl::ResourceExhaustedError(why), "QUOTA_SESSIONS");
}

absl::Status Fairness::CheckConnections(const Order& order) const {
  const std::string& ns = order.ns;
  std::string why = Over(absl::StrCat("namespace ", ns), UsedOf(used_, ns).connections,
                         limits_.connections_per_namespace.Of(ns), "connections open", "close",
                         "quota-connections-per-namespace");
  const std::string& owner = OwnerOf(order);
  if (why.empty() && !owner.empty()) {
    const int64_t used = UsedOf(used_by_users_, UserName(ns, owner)).connections;
    why = Over(absl::StrCat("user ", owner), used, limits_.connections_per_user.Of(ns),
               absl::StrCat("connections open to their sessions in namespace ", ns), "close",
               "quota-connections-per-user");
  }
  if (why.empty()) return absl::OkStatus();
  return WithReason(absl::ResourceExhaustedError(why), "QUOTA_CONNECTIONS");
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
  if (status.ok()) status = CheckConnections(order);
  const bool starts = Starts(order);
  if (status.ok() && starts) status = CheckSessions(order);
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
  // Others were first, or it is known by now what there is.
  const bool starts = Starts(order);
  const absl::Status quota = starts ? CheckSessions(order) : absl::OkStatus();
  if (!starts || !quota.ok()) {
    queue_.Remove(order.ns);
    is_due_ = true;
    if (quota.ok()) return entered(Ticket{0});
    return entered(quota);
  }
  const Ticket ticket = ++last_ticket_;
  reserved_.emplace(ticket, Reserved{{order.ns, order.key.name}, order.user});
  Add(order.ns, order.user, 1, 0);
  entered(ticket);
}

void Fairness::Unreserve(std::map<Ticket, Reserved>::iterator reserved) {
  const Reserved left = std::move(reserved->second);
  reserved_.erase(reserved);
  queue_.Remove(left.key.first);
  Add(left.key.first, left.user, -1, 0);
  is_due_ = true;
}

void Fairness::Leave(Ticket ticket) {
  if (const auto reserved = reserved_.find(ticket); reserved != reserved_.end()) {
    Unreserve(reserved);
  }
}

void Fairness::Step(Instant now) {
  is_due_ = false;
  if (queue_.waiting() > 0 && !watch_.has_value() && source_.has_value()) Watch();
  const std::vector<StartQueue::Ready> due = is_counted_ ? queue_.Due(now) : queue_.Expired(now);
  for (const StartQueue::Ready& ready : due) ready.go(ready.status);
}

std::vector<Fairness::Quota> Fairness::QuotasOf(const std::string& ns) {
  if (!watch_.has_value() && source_.has_value()) Watch();
  const Used used = UsedOf(used_, ns);
  std::vector<Quota> quotas = {
      {"sessions", "", used.sessions, limits_.sessions_per_namespace.Of(ns)},
      {"starts", "", queue_.running(ns), limits_.starts.per_namespace.Of(ns)},
      {"connections", "", used.connections, limits_.connections_per_namespace.Of(ns)},
      {"connects_per_second", "", namespaces_.Used(ns, clock_.Now()),
       static_cast<int64_t>(limits_.connects_per_namespace.Of(ns))}};
  AppendUsers(ns, quotas);
  return quotas;
}

void Fairness::AppendUsers(const std::string& ns, std::vector<Quota>& quotas) const {
  const int64_t sessions = limits_.sessions_per_user.Of(ns);
  const int64_t connections = limits_.connections_per_user.Of(ns);
  if (sessions == 0 && connections == 0) return;
  std::vector<std::pair<Used, std::string>> users;
  for (auto it = used_by_users_.lower_bound(UserName(ns, ""));
       it != used_by_users_.end() && it->first.first == ns; ++it) {
    users.emplace_back(it->second, it->first.second);
  }
  std::sort(users.begin(), users.end(), [](const auto& a, const auto& b) {
    return std::tuple(b.first.sessions, b.first.connections, a.second) <
           std::tuple(a.first.sessions, a.first.connections, b.second);
  });
  if (users.size() > kQuotaUsersShown) users.resize(kQuotaUsersShown);
  for (const auto& [used, user] : users) {
    quotas.push_back({"sessions", user, used.sessions, sessions});
    quotas.push_back({"connections", user, used.connections, connections});
  }
}

}  // namespace spawner::core
