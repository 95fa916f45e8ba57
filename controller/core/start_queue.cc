#include "controller/core/start_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status.h"
#include "controller/core/limits.h"

namespace spawner::core {

absl::Status StartQueue::Wait(const std::string& ns, Instant deadline, Go go,
                              const std::string& user) {
  if (waiting_ >= kStartsWaitingMax) {
    return WithRetryAfter(
        WithReason(absl::ResourceExhaustedError(absl::StrCat(
                       "connect: ", waiting_, " starts wait already; try again in a second")),
                   "RATE_LIMITED", {{"quota", "waiting_starts"}, {"limit", kStartsWaitingMax}}),
        kStartRetry);
  }
  namespaces_[ns].waiting.push_back({deadline, std::move(go), user});
  ++waiting_;
  return absl::OkStatus();
}

void StartQueue::Add(const std::string& ns, const std::string& user) {
  Namespace& added = namespaces_[ns];
  ++added.running;
  ++total_;
  if (!user.empty()) ++added.of_users[user];
}

void StartQueue::Remove(const std::string& ns, const std::string& user) {
  const auto found = namespaces_.find(ns);
  SPAWNER_CHECK(found != namespaces_.end() && found->second.running > 0);
  --found->second.running;
  --total_;
  const auto of_user = found->second.of_users.find(user);
  if (of_user != found->second.of_users.end() && --of_user->second == 0) {
    found->second.of_users.erase(of_user);
  }
  Forget(ns);
}

void StartQueue::Forget(const std::string& ns) {
  const auto found = namespaces_.find(ns);
  if (found->second.running == 0 && found->second.waiting.empty()) namespaces_.erase(found);
}

int64_t StartQueue::running(const std::string& ns) const {
  const auto found = namespaces_.find(ns);
  return found == namespaces_.end() ? 0 : found->second.running;
}

int64_t StartQueue::running(const std::string& ns, const std::string& user) const {
  const auto found = namespaces_.find(ns);
  if (found == namespaces_.end()) return 0;
  const auto of_user = found->second.of_users.find(user);
  return of_user == found->second.of_users.end() ? 0 : of_user->second;
}

bool StartQueue::HasRoom(const std::string& name, const Namespace& ns,
                         const std::string& user) const {
  const int64_t limit = limits_.per_namespace.Of(name);
  if (limit != 0 && ns.running >= limit) return false;
  const int64_t each = limits_.per_user.Of(name);
  const auto of_user = ns.of_users.find(user);
  return each == 0 || of_user == ns.of_users.end() || of_user->second < each;
}

std::list<StartQueue::Entry>::iterator StartQueue::Next(const std::string& name,
                                                        Namespace& ns) const {
  const auto end = ns.waiting.end();
  const int64_t limit = limits_.per_namespace.Of(name);
  if (limit != 0 && ns.running >= limit) return end;  // whoever waits
  return std::find_if(ns.waiting.begin(), end,
                      [&](const Entry& entry) { return HasRoom(name, ns, entry.user); });
}

absl::Status StartQueue::InVain(const std::string& name, const Namespace& ns,
                                const std::string& user) const {
  struct Bound {
    const char* flag;
    int64_t used;
    int64_t limit;
  };
  const Bound bounds[] = {
      {"quota-starts-per-user", running(name, user), limits_.per_user.Of(name)},
      {"quota-starts-per-namespace", ns.running, limits_.per_namespace.Of(name)},
      {"quota-starts", total_, limits_.total}};
  // Of all, if those ahead had the last room.
  const Bound* full = std::find_if(std::begin(bounds), std::end(bounds) - 1, [](const Bound& b) {
    return b.limit != 0 && b.used >= b.limit;
  });
  const bool is_users = full == std::begin(bounds);
  const std::string whose = is_users ? absl::StrCat("user ", user, " in namespace ", name)
                            : full == std::begin(bounds) + 1 ? absl::StrCat("namespace ", name)
                                                             : std::string("all namespaces");
  absl::Status status = absl::ResourceExhaustedError(absl::StrCat(
      "connect: ", full->used, " sessions of ", whose,
      " are starting, and none was through in time; try again with a longer deadline, or raise the "
      "controller's --",
      full->flag));
  if (is_users) status = WithDetail(std::move(status), {"user", user});
  return WithRetryAfter(WithReason(std::move(status), "QUOTA_STARTS",
                                   {{"namespace", name},
                                    {"quota", full->flag},
                                    {"used", full->used},
                                    {"limit", full->limit}}),
                        kStartRetry);
}

std::vector<StartQueue::Ready> StartQueue::Expired(Instant now) {
  std::vector<Ready> ready;
  if (waiting_ == 0) return ready;
  std::vector<std::string> names;
  for (auto& [name, ns] : namespaces_) {
    const size_t before = ns.waiting.size();
    for (auto it = ns.waiting.begin(); it != ns.waiting.end();) {
      if (now < it->deadline) {
        ++it;
        continue;
      }
      ready.push_back({name, std::move(it->go), InVain(name, ns, it->user)});
      it = ns.waiting.erase(it);
    }
    waiting_ -= before - ns.waiting.size();
    if (ns.waiting.empty()) names.push_back(name);
  }
  for (const std::string& name : names) Forget(name);
  return ready;
}

std::vector<StartQueue::Ready> StartQueue::Due(Instant now) {
  std::vector<Ready> ready = Expired(now);
  // Each turn goes to the next namespace in the order of names that has room.
  while (waiting_ > 0 && (limits_.total == 0 || total_ < limits_.total)) {
    const auto has_room = [this](auto& entry) {
      return Next(entry.first, entry.second) != entry.second.waiting.end();
    };
    auto next = std::find_if(namespaces_.upper_bound(last_turn_), namespaces_.end(), has_room);
    if (next == namespaces_.end()) {
      next = std::find_if(namespaces_.begin(), namespaces_.end(), has_room);
    }
    if (next == namespaces_.end()) break;
    last_turn_ = next->first;
    const auto entry = Next(next->first, next->second);
    const std::string user = std::move(entry->user);
    ready.push_back({next->first, std::move(entry->go), absl::OkStatus()});
    next->second.waiting.erase(entry);
    --waiting_;
    Add(next->first, user);
  }
  return ready;
}

Instant StartQueue::NextWake() const {
  Instant wake = Instant::Infinite();
  if (waiting_ == 0) return wake;
  for (const auto& [name, ns] : namespaces_) {
    for (const Entry& entry : ns.waiting) wake = std::min(wake, entry.deadline);
  }
  return wake;
}

}  // namespace spawner::core
