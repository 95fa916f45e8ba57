#ifndef SPAWNER_CONTROLLER_CORE_EVENT_LOG_H_
#define SPAWNER_CONTROLLER_CORE_EVENT_LOG_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "controller/core/service.h"

namespace spawner::core {

// True if the session is one that the list or watch asks for.
bool Matches(const ListParams& filter, const SessionView& view);

// The changes of sessions, each with a version, and who watches them. Versions are of this process:
// those of another are too old.
// Thread: the loop's. Owner: Core.
class EventLog {
 public:
  // `process` tells this process's versions from others': a few random characters.
  explicit EventLog(std::string process) : process_(std::move(process)) {}

  const std::string& process() const { return process_; }

  // `was` is the session's state before, if it was shown before: a watcher of one state also sees
  // a session leave it.
  void Append(WatchEventType type, SessionView view, std::optional<SessionState> was);

  // Starts a watch: `initial` (what there is) without a version to resume from, then a bookmark.
  absl::StatusOr<uint64_t> Watch(const ListParams& filter, absl::string_view resume_version,
                                 const std::vector<SessionView>& initial, Instant now,
                                 Watcher* watcher);
  void Cancel(uint64_t id) { watches_.erase(id); }
  // Bookmarks for those that heard nothing for a while.
  void Step(Instant now);
  Instant NextWake() const;

 private:
  struct Event {
    uint64_t version = 0;
    WatchEventType type = WatchEventType::kModified;
    SessionView view;
    std::optional<SessionState> was;
  };
  struct Subscription {
    ListParams filter;
    Watcher* watcher = nullptr;
    Instant bookmark_at;
  };

  std::string TextOf(uint64_t version) const;
  // OUT_OF_RANGE / VERSION_EXPIRED, INVALID_ARGUMENT.
  absl::StatusOr<uint64_t> Parse(absl::string_view version) const;
  static bool Wants(const ListParams& filter, const Event& event);
  // False: the watcher is full.
  bool Send(Watcher* watcher, const Event& event) const;
  bool SendBookmark(Watcher* watcher) const;
  static void EndFull(Watcher* watcher);

  const std::string process_;
  uint64_t version_ = 1;
  uint64_t last_watch_ = 0;
  std::deque<Event> events_;
  std::map<uint64_t, Subscription> watches_;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_EVENT_LOG_H_
