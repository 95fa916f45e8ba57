#include "controller/core/event_log.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/core/limits.h"

namespace spawner::core {
namespace {

bool MatchesButState(const ListParams& filter, const SessionView& view) {
  if (!filter.ns.empty() && filter.ns != view.ns) return false;
  if (!absl::StartsWith(view.key.name, filter.key_prefix)) return false;
  for (const auto& [name, value] : filter.labels) {
    const auto found = view.spec->labels.find(name);
    if (found == view.spec->labels.end() || found->second != value) return false;
  }
  return true;
}

}  // namespace

bool Matches(const ListParams& filter, const SessionView& view) {
  return MatchesButState(filter, view) &&
         (!filter.state.has_value() || *filter.state == view.state);
}

bool EventLog::Wants(const ListParams& filter, const Event& event) {
  if (!MatchesButState(filter, *event.view)) return false;
  return !filter.state.has_value() || *filter.state == event.view->state ||
         filter.state == event.was;
}

std::string EventLog::TextOf(uint64_t version) const {
  return version == 0 ? "" : absl::StrCat(process_, "-", version);
}

absl::StatusOr<uint64_t> EventLog::Parse(absl::string_view text) const {
  const size_t dash = text.rfind('-');
  uint64_t version = 0;
  if (dash == absl::string_view::npos || !absl::SimpleAtoi(text.substr(dash + 1), &version)) {
    return InvalidField("resume_version", "is no version that a watch has given");
  }
  const uint64_t oldest = events_.empty() ? version_ : events_.front().version - 1;
  if (text.substr(0, dash) != process_ || version < oldest || version > version_) {
    return WithReason(absl::OutOfRangeError(
                          "resume_version: too old to resume from; list again, without a version"),
                      "VERSION_EXPIRED", {{"field", "resume_version"}});
  }
  return version;
}

void EventLog::Append(WatchEventType type, SessionView view, std::optional<SessionState> was) {
  events_.push_back({++version_, type, std::make_shared<const SessionView>(std::move(view)), was});
  if (events_.size() > kEventsMax) events_.pop_front();
  is_behind_ = has_more_ = !watches_.empty();
  std::vector<uint64_t> full;
  for (auto& [id, watch] : watches_) {
    // What a list has told, or will tell as it is by then, is known now only.
    if (!watch.list.has_value() && !watch.watcher->IsPrompt()) continue;
    const Event& event = events_.back();
    const bool is_in_list = watch.list.has_value() && watch.list->IsBefore(*event.view);
    watch.told = version_;
    if (!is_in_list && Wants(watch.filter, event) && !Send(watch, event)) full.push_back(id);
  }
  EndAll(full);
}

EventLog::Told EventLog::TellOne(Subscription& watch, size_t& budget) const {
  while (watch.told < version_) {
    const uint64_t oldest = events_.front().version;
    if (watch.told + 1 < oldest) return Told::kFull;
    const Event& event = events_[watch.told + 1 - oldest];
    const bool is_wanted = Wants(watch.filter, event);
    if (is_wanted && !watch.watcher->HasRoom()) return Told::kNoRoom;
    const size_t cost = is_wanted ? kWatchSendCost : 1;
    if (budget < cost) return Told::kNoBudget;
    budget -= cost;
    ++watch.told;
    if (is_wanted && !Send(watch, event)) return Told::kFull;
  }
  return Told::kAll;
}

void EventLog::Tell(size_t budget) {
  if (!is_behind_) return;
  is_behind_ = has_more_ = false;
  budget *= kWatchSendCost;
  std::vector<uint64_t> full;
  auto at = watches_.lower_bound(told_last_);
  for (size_t left = watches_.size(); left > 0; --left, ++at) {
    if (at == watches_.end()) at = watches_.begin();
    if (at->second.list.has_value()) continue;
    const Told told = TellOne(at->second, budget);
    if (told == Told::kFull) full.push_back(at->first);
    if (told == Told::kNoRoom) is_behind_ = true;
    if (told == Told::kNoBudget) {
      is_behind_ = has_more_ = true;
      told_last_ = at->first;
      break;
    }
  }
  EndAll(full);
}

void EventLog::EndAll(const std::vector<uint64_t>& full) {
  for (const uint64_t id : full) {
    const auto found = watches_.find(id);
    if (found == watches_.end()) continue;
    Watcher* watcher = found->second.watcher;
    watches_.erase(found);
    EndFull(watcher);
  }
}

absl::StatusOr<uint64_t> EventLog::Watch(const ListParams& filter, absl::string_view resume_version,
                                         Instant now, Watcher* watcher) {
  if (watches_.size() >= kWatchersMax) {
    return WithRetryAfter(
        WithReason(absl::ResourceExhaustedError(
                       absl::StrCat("watch: ", kWatchersMax, " watches are open; close one first")),
                   "RATE_LIMITED", {{"quota", "watches"}, {"limit", kWatchersMax}}),
        kWatchRetry);
  }
  Subscription watch = {filter, watcher, now + kBookmarkInterval, version_, std::nullopt};
  const uint64_t id = ++last_watch_;
  if (resume_version.empty()) {
    watch.list = Position{};
    watches_[id] = std::move(watch);
    return id;
  }
  ASSIGN_OR_RETURN(watch.told, Parse(resume_version));
  watch.bookmark_at = now;  // after what it has missed
  is_behind_ = has_more_ = true;
  watches_[id] = std::move(watch);
  return id;
}

bool EventLog::WantsFeed() const {
  return std::any_of(watches_.begin(), watches_.end(), [](const auto& watch) {
    return watch.second.list.has_value() && watch.second.watcher->HasRoom();
  });
}

// In turns, so that nobody waits for another's 100,000 sessions.
void EventLog::Feed(const NextSession& next, size_t budget, Instant now) {
  std::vector<uint64_t> full;
  bool has_more = true;
  while (has_more) {
    has_more = false;
    for (auto& [id, watch] : watches_) {
      if (!watch.list.has_value() || !watch.watcher->HasRoom()) continue;
      if (budget-- == 0) return EndAll(full);
      if (FeedOne(watch, next, now)) {
        has_more = true;
      } else {
        watch.list.reset();
        full.push_back(id);
      }
    }
  }
  EndAll(full);
}

bool EventLog::FeedOne(Subscription& watch, const NextSession& next, Instant now) {
  std::optional<SessionView> view = next(watch.list->id, watch.list->epoch);
  if (!view.has_value()) {
    watch.list.reset();
    watch.bookmark_at = now + kBookmarkInterval;
    return SendBookmark(watch);
  }
  watch.list = Position{view->id, view->epoch};
  if (!Matches(watch.filter, *view)) return true;
  // No version: who breaks off within the list starts anew.
  return watch.watcher->OnWatchEvent(
      {WatchEventType::kAdded, std::make_shared<const SessionView>(*std::move(view)), ""});
}

void EventLog::Step(Instant now) {
  std::vector<uint64_t> full;
  for (auto& [id, watch] : watches_) {
    if (watch.list.has_value() || now < watch.bookmark_at || watch.told < version_) continue;
    watch.bookmark_at = now + kBookmarkInterval;
    if (!SendBookmark(watch)) full.push_back(id);
  }
  EndAll(full);
}

Instant EventLog::NextWake() const {
  Instant next = Instant::Infinite();
  for (const auto& [id, watch] : watches_) {
    if (watch.list.has_value() || watch.told < version_) continue;
    next = std::min(next, watch.bookmark_at);
  }
  return next;
}

bool EventLog::Send(const Subscription& watch, const Event& event) const {
  const uint64_t version = watch.list.has_value() ? 0 : event.version;
  return watch.watcher->OnWatchEvent({event.type, event.view, TextOf(version)});
}

bool EventLog::SendBookmark(const Subscription& watch) const {
  return watch.watcher->OnWatchEvent({WatchEventType::kBookmark, nullptr, TextOf(watch.told)});
}

void EventLog::EndFull(Watcher* watcher) {
  watcher->OnWatchEnd(WithRetryAfter(
      WithReason(
          absl::ResourceExhaustedError("watch: read too slowly; resume from the last version"),
          "RATE_LIMITED", {{"quota", "unread_events"}}),
      kWatchRetry));
}

}  // namespace spawner::core
