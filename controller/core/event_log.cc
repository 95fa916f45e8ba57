#include "controller/core/event_log.h"

#include <algorithm>
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
  if (!MatchesButState(filter, event.view)) return false;
  return !filter.state.has_value() || *filter.state == event.view.state ||
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
  events_.push_back({++version_, type, std::move(view), was});
  if (events_.size() > kEventsMax) events_.pop_front();
  const Event& event = events_.back();
  std::vector<uint64_t> full;
  for (auto& [id, watch] : watches_) {
    if (!Wants(watch.filter, event)) continue;
    // The list will tell it, as it is by then.
    if (watch.list.has_value() && watch.list->IsBefore(event.view)) continue;
    if (!Send(watch, event)) full.push_back(id);
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
  Subscription watch = {filter, watcher, now + kBookmarkInterval, std::nullopt};
  const uint64_t id = ++last_watch_;
  if (resume_version.empty()) {
    watch.list = Position{};
    watches_[id] = std::move(watch);
    return id;
  }
  ASSIGN_OR_RETURN(const uint64_t version, Parse(resume_version));
  for (const Event& event : events_) {
    if (event.version <= version || !Wants(filter, event) || Send(watch, event)) continue;
    EndFull(watcher);
    return id;  // over already: cancelling it does nothing
  }
  if (!SendBookmark(watcher)) {
    EndFull(watcher);
    return id;
  }
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
    return SendBookmark(watch.watcher);
  }
  watch.list = Position{view->id, view->epoch};
  if (!Matches(watch.filter, *view)) return true;
  // No version: who breaks off within the list starts anew.
  return watch.watcher->OnWatchEvent({WatchEventType::kAdded, *std::move(view), ""});
}

void EventLog::Step(Instant now) {
  std::vector<uint64_t> full;
  for (auto& [id, watch] : watches_) {
    if (watch.list.has_value() || now < watch.bookmark_at) continue;
    watch.bookmark_at = now + kBookmarkInterval;
    if (!SendBookmark(watch.watcher)) full.push_back(id);
  }
  EndAll(full);
}

Instant EventLog::NextWake() const {
  Instant next = Instant::Infinite();
  for (const auto& [id, watch] : watches_) {
    if (!watch.list.has_value()) next = std::min(next, watch.bookmark_at);
  }
  return next;
}

bool EventLog::Send(const Subscription& watch, const Event& event) const {
  const uint64_t version = watch.list.has_value() ? 0 : event.version;
  return watch.watcher->OnWatchEvent({event.type, event.view, TextOf(version)});
}

bool EventLog::SendBookmark(Watcher* watcher) const {
  return watcher->OnWatchEvent({WatchEventType::kBookmark, SessionView(), TextOf(version_)});
}

void EventLog::EndFull(Watcher* watcher) {
  watcher->OnWatchEnd(WithRetryAfter(
      WithReason(
          absl::ResourceExhaustedError("watch: read too slowly; resume from the last version"),
          "RATE_LIMITED", {{"quota", "unread_events"}}),
      kWatchRetry));
}

}  // namespace spawner::core
