#include "controller/core/fairness.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/core/limits.h"

namespace spawner::core {
namespace {

struct Bound {
  std::string ns;
  std::string user;  // empty: of the namespace
  int64_t used = 0;
  int64_t allowed = 0;
  std::string what;
  absl::string_view remedy;
  absl::string_view flag;
};

// OK, or the refusal if `used` is all that is allowed.
absl::Status Check(const Bound& bound) {
  if (bound.allowed == 0 || bound.used < bound.allowed) return absl::OkStatus();
  const std::string who =
      bound.user.empty() ? absl::StrCat("namespace ", bound.ns) : absl::StrCat("user ", bound.user);
  absl::Status status = absl::ResourceExhaustedError(absl::StrCat(
      "connect: ", who, " has ", bound.used, " ", bound.what, ", and may have ", bound.allowed,
      "; ", bound.remedy, " some, or raise the controller's --", bound.flag));
  if (!bound.user.empty()) status = WithDetail(std::move(status), {"user", bound.user});
  status = WithDetail(std::move(status), {"namespace", bound.ns});
  status = WithDetail(std::move(status), {"quota", bound.flag});
  status = WithDetail(std::move(status), {"used", bound.used});
  return WithDetail(std::move(status), {"limit", bound.allowed});
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
  if (seen.idle_deadline != absl::InfiniteFuture()) {
    std::multiset<absl::Time>& ends = idle_ends_[seen.ns];
    if (by > 0) ends.insert(seen.idle_deadline);
    if (by < 0) ends.erase(ends.find(seen.idle_deadline));
    if (ends.empty()) idle_ends_.erase(seen.ns);
  }
  if (seen.is_starting && by > 0) queue_.Add(seen.ns, seen.user);
  if (seen.is_starting && by < 0) queue_.Remove(seen.ns, seen.user);
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
  const SessionView& view = *event.session;
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
                  .connections = view.connections,
                  .idle_deadline = view.idle_deadline.value_or(absl::InfiniteFuture())};
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

absl::Duration Fairness::NextEnd(const std::string& ns) const {
  const auto ends = idle_ends_.find(ns);
  if (ends == idle_ends_.end()) return kQuotaRetryMax;
  const absl::Time now = clock_.WallNow();
  const auto next = ends->second.upper_bound(now);
  if (next == ends->second.end()) return kQuotaRetryMin;  // overdue
  return std::clamp(*next - now, kQuotaRetryMin, kQuotaRetryMax);
}

absl::Status Fairness::CheckSessions(const Order& order) const {
  const std::string& ns = order.ns;
  absl::Status status = Check({.ns = ns,
                               .used = UsedOf(used_, ns).sessions,
                               .allowed = limits_.sessions_per_namespace.Of(ns),
                               .what = "sessions",
                               .remedy = "end",
                               .flag = "quota-sessions-per-namespace"});
  if (status.ok() && !order.user.empty()) {
    status = Check({.ns = ns,
                    .user = order.user,
                    .used = UsedOf(used_by_users_, UserName(ns, order.user)).sessions,
                    .allowed = limits_.sessions_per_user.Of(ns),
                    .what = absl::StrCat("sessions in namespace ", ns),
                    .remedy = "end",
                    .flag = "quota-sessions-per-user"});
  }
  if (status.ok()) return status;
  return WithRetryAfter(WithReason(status, "QUOTA_SESSIONS"), NextEnd(ns));
}

absl::Status Fairness::CheckConnections(const Order& order) const {
  const std::string& ns = order.ns;
  absl::Status status = Check({.ns = ns,
                               .used = UsedOf(used_, ns).connections,
                               .allowed = limits_.connections_per_namespace.Of(ns),
                               .what = "connections open",
                               .remedy = "close",
                               .flag = "quota-connections-per-namespace"});
  const std::string& owner = OwnerOf(order);
  if (status.ok() && !owner.empty()) {
    status = Check({.ns = ns,
                    .user = owner,
                    .used = UsedOf(used_by_users_, UserName(ns, owner)).connections,
                    .allowed = limits_.connections_per_user.Of(ns),
                    .what = absl::StrCat("connections open to their sessions in namespace ", ns),
                    .remedy = "close",
                    .flag = "quota-connections-per-user"});
  }
  if (status.ok()) return status;
  return WithRetryAfter(WithReason(status, "QUOTA_CONNECTIONS"), kConnectionsRetry);
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
      [this, order, entered](const absl::Status& turn) { Start(order, turn, entered); },
      order.user);
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
    queue_.Remove(order.ns, order.user);
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
  queue_.Remove(left.key.first, left.user);
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
  const int64_t starts = limits_.starts.per_user.Of(ns);
  if (sessions == 0 && connections == 0 && starts == 0) return;
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
    if (starts > 0) quotas.push_back({"starts", user, queue_.running(ns, user), starts});
    quotas.push_back({"connections", user, used.connections, connections});
  }
}

}  // namespace spawner::core
