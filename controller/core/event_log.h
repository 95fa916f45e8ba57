#ifndef SPAWNER_CONTROLLER_CORE_EVENT_LOG_H_
#define SPAWNER_CONTROLLER_CORE_EVENT_LOG_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
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
// those of another are too old. A change is kept once and told in slices, each time to those that
// have room: 1,000 watchers are no turn of the loop. Who falls behind what is kept is ended.
// Thread: the loop's. Owner: Core.
class EventLog {
 public:
  // `process` tells this process's versions from others': a few random characters.
  explicit EventLog(std::string process) : process_(std::move(process)) {}

  const std::string& process() const { return process_; }

  // `was` is the session's state before, if it was shown before: a watcher of one state also sees
  // a session leave it.
  void Append(WatchEventType type, SessionView view, std::optional<SessionState> was);

  // Starts a watch. With a version to resume from: what was missed, then a bookmark. Without: a
  // list of what there is, by Feed, then a bookmark.
  absl::StatusOr<uint64_t> Watch(const ListParams& filter, absl::string_view resume_version,
                                 Instant now, Watcher* watcher);
  // Tells watchers what has changed, `budget` of them together, round robin.
  void Tell(size_t budget);
  // Tell, or Feed, has more to do.
  bool WantsTurn() const { return has_more_ || WantsFeed(); }
  // In the order of their ids; nothing: there is none after this.
  using NextSession = std::function<std::optional<SessionView>(const SessionId& id, Epoch epoch)>;
  // Brings the lists of watchers with room forward, by `budget` sessions together, matching or not.
  void Feed(const NextSession& next, size_t budget, Instant now);
  bool WantsFeed() const;
  void Cancel(uint64_t id) { watches_.erase(id); }
  // Bookmarks for those that heard nothing for a while.
  void Step(Instant now);
  Instant NextWake() const;

 private:
  struct Event {
    uint64_t version = 0;
    WatchEventType type = WatchEventType::kModified;
    std::shared_ptr<const SessionView> view;
    std::optional<SessionState> was;
  };
  // Of a list that is not over: what comes after this has not been told.
  struct Position {
    SessionId id;
    Epoch epoch;
    bool IsBefore(const SessionView& view) const {
      return std::tie(id, epoch) < std::tie(view.id, view.epoch);
    }
  };
  struct Subscription {
    ListParams filter;
    Watcher* watcher = nullptr;
    Instant bookmark_at;
    uint64_t told = 0;  // up to this version, but for what its list will tell
    std::optional<Position> list;
  };

  std::string TextOf(uint64_t version) const;
  // OUT_OF_RANGE / VERSION_EXPIRED, INVALID_ARGUMENT.
  absl::StatusOr<uint64_t> Parse(absl::string_view version) const;
  static bool Wants(const ListParams& filter, const Event& event);
  // False: the watcher is full.
  bool Send(const Subscription& watch, const Event& event) const;
  enum class Told { kAll, kNoRoom, kNoBudget, kFull };
  Told TellOne(Subscription& watch, size_t& budget) const;
  // The same; true also for a list that has more to tell.
  bool FeedOne(Subscription& watch, const NextSession& next, Instant now);
  void EndAll(const std::vector<uint64_t>& full);
  bool SendBookmark(const Subscription& watch) const;
  static void EndFull(Watcher* watcher);

  const std::string process_;
  uint64_t version_ = 1;
  uint64_t last_watch_ = 0;
  std::deque<Event> events_;
  std::map<uint64_t, Subscription> watches_;
  uint64_t told_last_ = 0;  // watch that Tell stopped at
  bool is_behind_ = false;  // somebody has not been told all
  bool has_more_ = false;   // and has room
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_EVENT_LOG_H_
