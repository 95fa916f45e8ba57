#include "controller/core/event_log.h"

#include <string>
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
    if (event.type == WatchEventType::kBookmark) {
      seen += "B ";
    } else {
      absl::StrAppend(&seen, static_cast<int>(event.type), event.session.id.value, " ");
    }
    if (!event.version.empty()) version = event.version;
    return true;
  }
  void OnWatchEnd(const absl::Status& status) override { end = status; }

  int room = 1000;
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
  }

  Instant now_{1'000'000'000};
  EventLog log_{"p1"};
};

TEST_F(EventLogTest, ListsThenBookmarksThenTellsChanges) {
  Recorder recorder;
  ASSERT_TRUE(log_.Watch({}, "", {View("x"), View("y")}, now_, &recorder).ok());
  EXPECT_EQ(recorder.seen, "1x 1y B ");
  Append(WatchEventType::kModified, View("x"));
  Append(WatchEventType::kDeleted, View("y"));
  EXPECT_EQ(recorder.seen, "1x 1y B 2x 3y ");
  log_.Step(now_ + kBookmarkInterval);
  EXPECT_EQ(recorder.seen, "1x 1y B 2x 3y B ");
}

TEST_F(EventLogTest, ResumesAfterTheVersionThatWasSeen) {
  Recorder first;
  const auto id = log_.Watch({}, "", {}, now_, &first);
  Append(WatchEventType::kAdded, View("x"));
  log_.Cancel(*id);
  Append(WatchEventType::kModified, View("x"));
  Recorder second;
  ASSERT_TRUE(log_.Watch({}, first.version, {}, now_, &second).ok());
  EXPECT_EQ(second.seen, "2x B ");
}

TEST_F(EventLogTest, RefusesVersionsThatAreTooOldOrNone) {
  Recorder recorder;
  ASSERT_TRUE(log_.Watch({}, "", {}, now_, &recorder).ok());
  const std::string old = recorder.version;
  for (size_t i = 0; i <= kEventsMax; ++i) Append(WatchEventType::kModified, View("x"));
  EXPECT_EQ(ReasonOf(log_.Watch({}, old, {}, now_, &recorder).status()), "VERSION_EXPIRED");
  EXPECT_EQ(ReasonOf(log_.Watch({}, "p0-1", {}, now_, &recorder).status()), "VERSION_EXPIRED");
  EXPECT_EQ(ReasonOf(log_.Watch({}, "p1-999999", {}, now_, &recorder).status()), "VERSION_EXPIRED");
  EXPECT_EQ(ReasonOf(log_.Watch({}, "nonsense", {}, now_, &recorder).status()), "INVALID_FIELD");
}

TEST_F(EventLogTest, AWatcherOfAStateSeesSessionsLeaveIt) {
  Recorder recorder;
  ListParams filter;
  filter.state = SessionState::kReady;
  ASSERT_TRUE(log_.Watch(filter, "", {View("x")}, now_, &recorder).ok());
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
  view.spec.labels["team"] = "red";
  EXPECT_TRUE(Matches(filter, view));
  view.ns = "b";
  EXPECT_FALSE(Matches(filter, view));
}

TEST_F(EventLogTest, EndsAWatcherThatIsFull) {
  Recorder recorder;
  recorder.room = 1;
  ASSERT_TRUE(log_.Watch({}, "", {}, now_, &recorder).ok());
  Append(WatchEventType::kAdded, View("x"));
  EXPECT_EQ(recorder.end.code(), absl::StatusCode::kResourceExhausted);
  Append(WatchEventType::kAdded, View("y"));
  EXPECT_EQ(recorder.seen, "B ");
}

}  // namespace
}  // namespace spawner::core
