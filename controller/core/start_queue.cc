#include "controller/core/start_queue.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status.h"
#include "controller/core/limits.h"

namespace spawner::core {

absl::Status StartQueue::Wait(const std::string& ns, Instant deadline, Go go) {
  if (waiting_ >= kStartsWaitingMax) {
    return WithRetryAfter(
        WithReason(absl::ResourceExhaustedError(absl::StrCat(
                       "connect: ", waiting_, " starts wait already; try again in a second")),
                   "RATE_LIMITED", {{"quota", "waiting_starts"}, {"limit", kStartsWaitingMax}}),
        kStartRetry);
  }
  namespaces_[ns].waiting.push_back({deadline, std::move(go)});
  ++waiting_;
  return absl::OkStatus();
}

void StartQueue::Remove(const std::string& ns) {
  const auto found = namespaces_.find(ns);
  SPAWNER_CHECK(found != namespaces_.end() && found->second.running > 0);
  --found->second.running;
  --total_;
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

bool StartQueue::HasRoom(const std::string& name, const Namespace& ns) const {
  const int64_t limit = limits_.per_namespace.Of(name);
  return !ns.waiting.empty() && (limit == 0 || ns.running < limit);
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
      ready.push_back(
          {name, std::move(it->go),
           WithRetryAfter(WithReason(absl::ResourceExhaustedError(absl::StrCat(
                                         "connect: ", ns.running, " sessions of namespace ", name,
                                         " and ", total_,
                                         " in all are starting, and none was through in time; try "
                                         "again, with a longer deadline")),
                                     "QUOTA_STARTS",
                                     {{"namespace", name},
                                      {"used", ns.running},
                                      {"limit", limits_.per_namespace.Of(name)},
                                      {"total_used", total_},
                                      {"total_limit", limits_.total}}),
                          kStartRetry)});
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
    const auto has_room = [this](const auto& entry) { return HasRoom(entry.first, entry.second); };
    auto next = std::find_if(namespaces_.upper_bound(last_turn_), namespaces_.end(), has_room);
    if (next == namespaces_.end()) {
      next = std::find_if(namespaces_.begin(), namespaces_.end(), has_room);
    }
    if (next == namespaces_.end()) break;
    last_turn_ = next->first;
    ready.push_back({next->first, std::move(next->second.waiting.front().go), absl::OkStatus()});
    next->second.waiting.pop_front();
    --waiting_;
    Add(next->first);
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
