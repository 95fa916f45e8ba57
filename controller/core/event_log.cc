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
    const auto found = view.spec.labels.find(name);
    if (found == view.spec.labels.end() || found->second != value) return false;
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
                      "VERSION_EXPIRED");
  }
  return version;
}

void EventLog::Append(WatchEventType type, SessionView view, std::optional<SessionState> was) {
  events_.push_back({++version_, type, std::move(view), was});
  if (events_.size() > kEventsMax) events_.pop_front();
  const Event& event = events_.back();
  std::vector<uint64_t> full;
  for (auto& [id, watch] : watches_) {
    if (Wants(watch.filter, event) && !Send(watch.watcher, event)) full.push_back(id);
  }
  for (const uint64_t id : full) {
    Watcher* watcher = watches_.at(id).watcher;
    watches_.erase(id);
    EndFull(watcher);
  }
}

absl::StatusOr<uint64_t> EventLog::Watch(const ListParams& filter, absl::string_view resume_version,
                                         const std::vector<SessionView>& initial, Instant now,
                                         Watcher* watcher) {
  if (watches_.size() >= kWatchersMax) {
    return WithReason(
        absl::ResourceExhaustedError(absl::StrCat("watch: ", kWatchersMax, " watches are open")),
        "RATE_LIMITED");
  }
  std::vector<const Event*> missed;
  std::vector<Event> listed;
  if (!resume_version.empty()) {
    ASSIGN_OR_RETURN(const uint64_t version, Parse(resume_version));
    for (const Event& event : events_) {
      if (event.version > version && Wants(filter, event)) missed.push_back(&event);
    }
  } else {
    for (const SessionView& view : initial) {
      if (Matches(filter, view)) {
        // No version: who breaks off within the list starts anew.
        listed.push_back({0, WatchEventType::kAdded, view, std::nullopt});
      }
    }
    for (const Event& event : listed) missed.push_back(&event);
  }
  const uint64_t id = ++last_watch_;
  bool has_room = true;
  for (const Event* event : missed) has_room = has_room && Send(watcher, *event);
  if (!has_room || !SendBookmark(watcher)) {
    EndFull(watcher);
    return id;  // over already: cancelling it does nothing
  }
  watches_[id] = {filter, watcher, now + kBookmarkInterval};
  return id;
}

void EventLog::Step(Instant now) {
  std::vector<uint64_t> full;
  for (auto& [id, watch] : watches_) {
    if (now < watch.bookmark_at) continue;
    watch.bookmark_at = now + kBookmarkInterval;
    if (!SendBookmark(watch.watcher)) full.push_back(id);
  }
  for (const uint64_t id : full) {
    Watcher* watcher = watches_.at(id).watcher;
    watches_.erase(id);
    EndFull(watcher);
  }
}

Instant EventLog::NextWake() const {
  Instant next = Instant::Infinite();
  for (const auto& [id, watch] : watches_) next = std::min(next, watch.bookmark_at);
  return next;
}

bool EventLog::Send(Watcher* watcher, const Event& event) const {
  return watcher->OnWatchEvent({event.type, event.view, TextOf(event.version)});
}

bool EventLog::SendBookmark(Watcher* watcher) const {
  return watcher->OnWatchEvent({WatchEventType::kBookmark, SessionView(), TextOf(version_)});
}

void EventLog::EndFull(Watcher* watcher) {
  watcher->OnWatchEnd(WithReason(
      absl::ResourceExhaustedError("watch: read too slowly; resume from the last version"),
      "RATE_LIMITED"));
}

}  // namespace spawner::core
