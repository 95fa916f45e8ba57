#include "controller/core/event_log.h"

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/core/limits.h"
#include "gtest/gtest.h"

namespace spawner::core {
namespace {

class Recorder final : public Watcher {
 public:
  bool OnWatchEvent(const WatchEvent& event) override {
    if (room-- == 0) return false;
    --list_room;
    if (event.type == WatchEventType::kBookmark) {
      seen += "B ";
    } else {
      absl::StrAppend(&seen, static_cast<int>(event.type), event.session->id.value, " ");
    }
    if (!event.version.empty()) version = event.version;
    if (event.session != nullptr) last = event.session;
    return true;
  }
  bool HasRoom() const override { return list_room > 0; }
  void OnWatchEnd(const absl::Status& status) override { end = status; }

  bool IsPrompt() const override { return is_prompt; }

  bool is_prompt = false;
  std::shared_ptr<const SessionView> last;
  int room = 1000;
  int list_room = 1000;
  std::string seen;
  std::string version;
  absl::Status end;
};

SessionView View(const std::string& id, SessionState state = SessionState::kReady) {
  SessionView view;
  view.ns = "a";
  view.id = {id};
  view.key.name = "key-" + id;
  view.state = state;
  return view;
}

class EventLogTest : public testing::Test {
 protected:
  void Append(WatchEventType type, const SessionView& view,
              std::optional<SessionState> was = std::nullopt) {
    log_.Append(type, view, was);
    log_.Tell(1000);
  }

  // Watches, with what there is.
  absl::StatusOr<uint64_t> Watch(const ListParams& filter, absl::string_view version,
                                 const std::vector<SessionView>& initial, Watcher* watcher) {
    there_ = initial;
    const auto id = log_.Watch(filter, version, now_, watcher);
    Feed(1000);
    log_.Tell(1000);
    log_.Step(now_);
    return id;
  }
  void Feed(size_t budget) {
    log_.Feed(
        [this](const SessionId& id, Epoch epoch) -> std::optional<SessionView> {
          for (const SessionView& view : there_) {
            if (std::tie(id, epoch) < std::tie(view.id, view.epoch)) return view;
          }
          return std::nullopt;
        },
        budget, now_);
  }

  std::vector<SessionView> there_;  // sorted
  Instant now_{1'000'000'000};
  EventLog log_{"p1"};
};

TEST_F(EventLogTest, ListsThenBookmarksThenTellsChanges) {
  Recorder recorder;
  ASSERT_TRUE(Watch({}, "", {View("x"), View("y")}, &recorder).ok());
  EXPECT_EQ(recorder.seen, "1x 1y B ");
  Append(WatchEventType::kModified, View("x"));
  Append(WatchEventType::kDeleted, View("y"));
  EXPECT_EQ(recorder.seen, "1x 1y B 2x 3y ");
  log_.Step(now_ + kBookmarkInterval);
  EXPECT_EQ(recorder.seen, "1x 1y B 2x 3y B ");
}

TEST_F(EventLogTest, ResumesAfterTheVersionThatWasSeen) {
  Recorder first;
  const auto id = Watch({}, "", {}, &first);
  Append(WatchEventType::kAdded, View("x"));
  log_.Cancel(*id);
  Append(WatchEventType::kModified, View("x"));
  Recorder second;
  ASSERT_TRUE(Watch({}, first.version, {}, &second).ok());
  EXPECT_EQ(second.seen, "2x B ");
}

TEST_F(EventLogTest, RefusesVersionsThatAreTooOldOrNone) {
  Recorder recorder;
  ASSERT_TRUE(Watch({}, "", {}, &recorder).ok());
  const std::string old = recorder.version;
  for (size_t i = 0; i <= kEventsMax; ++i) Append(WatchEventType::kModified, View("x"));
  EXPECT_EQ(ReasonOf(Watch({}, old, {}, &recorder).status()), "VERSION_EXPIRED");
  EXPECT_EQ(ReasonOf(Watch({}, "p0-1", {}, &recorder).status()), "VERSION_EXPIRED");
  EXPECT_EQ(ReasonOf(Watch({}, "p1-999999", {}, &recorder).status()), "VERSION_EXPIRED");
  EXPECT_EQ(ReasonOf(Watch({}, "nonsense", {}, &recorder).status()), "INVALID_FIELD");
}

TEST_F(EventLogTest, AWatcherOfAStateSeesSessionsLeaveIt) {
  Recorder recorder;
  ListParams filter;
  filter.state = SessionState::kReady;
  ASSERT_TRUE(Watch(filter, "", {View("x")}, &recorder).ok());
  Append(WatchEventType::kModified, View("x", SessionState::kDraining), SessionState::kReady);
  Append(WatchEventType::kModified, View("x", SessionState::kTerminating), SessionState::kDraining);
  EXPECT_EQ(recorder.seen, "1x B 2x ");
}

TEST_F(EventLogTest, FiltersByNamespaceKeyAndLabels) {
  ListParams filter;
  filter.ns = "a";
  filter.key_prefix = "key-";
  filter.labels = {{"team", "red"}};
  SessionView view = View("x");
  EXPECT_FALSE(Matches(filter, view));
  SessionSpec spec = *view.spec;
  spec.labels["team"] = "red";
  view.spec = spec;
  EXPECT_TRUE(Matches(filter, view));
  view.ns = "b";
  EXPECT_FALSE(Matches(filter, view));
}

TEST_F(EventLogTest, AListComesInSlicesWithTheChangesOfWhatItHasTold) {
  Recorder recorder;
  recorder.list_room = 2;
  ASSERT_TRUE(Watch({}, "", {View("a"), View("c"), View("e"), View("g")}, &recorder).ok());
  EXPECT_EQ(recorder.seen, "1a 1c ");
  EXPECT_FALSE(log_.WantsFeed());  // no room
  Append(WatchEventType::kModified, View("c"));
  Append(WatchEventType::kAdded, View("b"));     // before the list's end: told at once
  Append(WatchEventType::kModified, View("e"));  // the list will tell it
  Append(WatchEventType::kDeleted, View("g"));
  there_.pop_back();
  EXPECT_EQ(recorder.seen, "1a 1c 2c 1b ");
  EXPECT_EQ(recorder.version, "");  // who breaks off now has to begin anew
  recorder.list_room = 100;
  EXPECT_TRUE(log_.WantsFeed());
  Feed(1);
  EXPECT_EQ(recorder.seen, "1a 1c 2c 1b 1e ");
  Feed(1);
  EXPECT_EQ(recorder.seen, "1a 1c 2c 1b 1e B ");
  EXPECT_FALSE(log_.WantsFeed());
  Append(WatchEventType::kDeleted, View("e"));
  EXPECT_EQ(recorder.seen, "1a 1c 2c 1b 1e B 3e ");
}

TEST_F(EventLogTest, ListsOfManyWatchersGoOnInTurns) {
  Recorder first;
  Recorder second;
  there_ = {View("a"), View("b")};
  ASSERT_TRUE(log_.Watch({}, "", now_, &first).ok());
  ASSERT_TRUE(log_.Watch({}, "", now_, &second).ok());
  Feed(3);
  EXPECT_EQ(first.seen, "1a 1b ");
  EXPECT_EQ(second.seen, "1a ");
  Feed(3);
  EXPECT_EQ(first.seen, "1a 1b B ");
  EXPECT_EQ(second.seen, "1a 1b B ");
}

TEST_F(EventLogTest, EndsAWatcherThatIsFull) {
  Recorder recorder;
  recorder.room = 1;
  ASSERT_TRUE(Watch({}, "", {}, &recorder).ok());
  Append(WatchEventType::kAdded, View("x"));
  EXPECT_EQ(recorder.end.code(), absl::StatusCode::kResourceExhausted);
  Append(WatchEventType::kAdded, View("y"));
  EXPECT_EQ(recorder.seen, "B ");
}

TEST_F(EventLogTest, ManyWatchersAreToldInSlicesOfOneChange) {
  Recorder recorders[3];
  for (Recorder& recorder : recorders) ASSERT_TRUE(Watch({}, "", {}, &recorder).ok());
  log_.Append(WatchEventType::kAdded, View("x"), std::nullopt);
  log_.Append(WatchEventType::kModified, View("x"), std::nullopt);
  EXPECT_EQ(recorders[0].seen, "B ");
  log_.Tell(3);
  EXPECT_EQ(recorders[0].seen + recorders[1].seen + recorders[2].seen, "B 1x 2x B 1x B ");
  EXPECT_TRUE(log_.WantsTurn());
  // Nobody hears of a version before what led there.
  log_.Step(now_ + kBookmarkInterval);
  EXPECT_EQ(recorders[0].seen + recorders[1].seen + recorders[2].seen, "B 1x 2x B B 1x B ");
  log_.Tell(3);
  EXPECT_FALSE(log_.WantsTurn());
  for (const Recorder& recorder : recorders) {
    EXPECT_EQ(recorder.version, recorders[0].version);
    EXPECT_EQ(recorder.last, recorders[1].last);  // not a copy
  }
  EXPECT_EQ(recorders[2].seen, "B 1x 2x ");
}

TEST_F(EventLogTest, WhoHasNoRoomIsToldLaterAndEndedWhenItIsTooLate) {
  Recorder slow;
  ASSERT_TRUE(Watch({}, "", {}, &slow).ok());
  slow.list_room = 1;
  Append(WatchEventType::kAdded, View("x"));
  Append(WatchEventType::kAdded, View("y"));
  EXPECT_EQ(slow.seen, "B 1x ");
  EXPECT_FALSE(log_.WantsTurn());
  slow.list_room = 1;
  log_.Tell(10);
  EXPECT_EQ(slow.seen, "B 1x 1y ");
  for (size_t i = 0; i < kEventsMax; ++i) Append(WatchEventType::kModified, View("x"));
  EXPECT_TRUE(slow.end.ok());
  Append(WatchEventType::kModified, View("x"));
  EXPECT_EQ(ReasonOf(slow.end), "RATE_LIMITED");
}

TEST_F(EventLogTest, APromptWatcherIsToldAtOnce) {
  Recorder recorder;
  recorder.is_prompt = true;
  ASSERT_TRUE(Watch({}, "", {}, &recorder).ok());
  log_.Append(WatchEventType::kAdded, View("x"), std::nullopt);
  EXPECT_EQ(recorder.seen, "B 1x ");
  log_.Tell(10);
  EXPECT_EQ(recorder.seen, "B 1x ");
}

}  // namespace
}  // namespace spawner::core
