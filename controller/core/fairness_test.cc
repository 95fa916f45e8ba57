#include "controller/core/fairness.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/core/limits.h"
#include "controller/core/rate_book.h"
#include "controller/core/start_queue.h"

namespace spawner::core {
namespace {

constexpr Instant kStart{1'000'000'000};

TEST(RateBook, SaysWhenTheNextOneIsThereAndThatIsTrue) {
  RateBook book("namespace", 10);
  Instant now = kStart;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(book.Check("a", now).ok()) << i;
    book.Take("a", now);
  }
  const absl::Status refused = book.Check("a", now);
  EXPECT_EQ(ReasonOf(refused), "RATE_LIMITED");
  EXPECT_TRUE(book.Check("b", now).ok()) << "each for itself";
  const absl::Duration wait = *RetryAfterOf(refused);
  EXPECT_NEAR(absl::ToDoubleMilliseconds(wait), 100, 0.01);
  EXPECT_FALSE(book.Check("a", now + wait - absl::Microseconds(10)).ok());
  EXPECT_TRUE(book.Check("a", now + wait).ok());
}

TEST(RateBook, ASlowRateLetsOneIn) {
  RateBook book("caller", 0.5);
  EXPECT_TRUE(book.Check("a", kStart).ok());
  book.Take("a", kStart);
  EXPECT_NEAR(absl::ToDoubleSeconds(*RetryAfterOf(book.Check("a", kStart))), 2, 0.001);
}

TEST(RateBook, HasABoundAndForgetsWhoRests) {
  RateBook book("caller", 1);
  for (size_t i = 0; i < kRateNamesMax; ++i) book.Take(absl::StrCat(i), kStart);
  EXPECT_EQ(ReasonOf(book.Check("one more", kStart)), "RATE_LIMITED");
  EXPECT_TRUE(book.Check("one more", kStart + absl::Seconds(1)).ok());
  EXPECT_EQ(book.size(), 1u);
}

TEST(StartQueue, NamespacesTakeTurnsWhateverOneAsksFor) {
  StartQueue queue({.total = 1});
  std::string order;
  const auto wait = [&](const std::string& ns) {
    ASSERT_TRUE(queue
                    .Wait(ns, Instant::Infinite(),
                          [&order, ns](const absl::Status&) { absl::StrAppend(&order, ns); })
                    .ok());
  };
  for (int i = 0; i < 5; ++i) wait("a");
  wait("b");
  wait("c");
  for (int i = 0; i < 7; ++i) {
    for (const StartQueue::Ready& ready : queue.Due(kStart)) {
      ready.go(ready.status);
      queue.Remove(ready.ns);
    }
  }
  EXPECT_EQ(order, "abcaaaa");
}

TEST(StartQueue, WhoWaitsTooLongIsToldSo) {
  StartQueue queue({.per_namespace = 1});
  queue.Add("a");
  absl::Status told;
  const Instant deadline = kStart + absl::Seconds(1);
  ASSERT_TRUE(queue.Wait("a", deadline, [&told](const absl::Status& s) { told = s; }).ok());
  EXPECT_TRUE(queue.Due(kStart).empty());
  EXPECT_EQ(queue.NextWake(), deadline);
  for (const StartQueue::Ready& ready : queue.Due(deadline)) ready.go(ready.status);
  EXPECT_EQ(ReasonOf(told), "QUOTA_STARTS");
  EXPECT_TRUE(RetryAfterOf(told).has_value());
  EXPECT_EQ(queue.waiting(), 0u);
}

TEST(StartQueue, OthersOfANamespacePassWhoWaitsForTheirOwnUsersStarts) {
  StartQueue queue({.per_user = 1});
  std::string order;
  const auto wait = [&](const std::string& user) {
    ASSERT_TRUE(queue
                    .Wait(
                        "a", kStart + absl::Seconds(9),
                        [&order, user](const absl::Status& status) {
                          absl::StrAppend(&order, status.ok() ? "" : "-", user);
                        },
                        user)
                    .ok());
  };
  const auto run = [&](Instant now) {
    for (const StartQueue::Ready& ready : queue.Due(now)) ready.go(ready.status);
  };
  for (const char* user : {"x", "x", "x", "y", ""}) wait(user);
  wait("");
  run(kStart);
  EXPECT_EQ(order, "xy") << "nobody's have no user's limit";
  queue.Remove("a", "x");
  run(kStart);
  EXPECT_EQ(order, "xyx");
  EXPECT_EQ(queue.running("a", "x"), 1);
  EXPECT_EQ(queue.waiting(), 1u);
  run(kStart + absl::Seconds(9));
  EXPECT_EQ(order, "xyx-x");
}

// Random arrivals and ends: no limit is ever exceeded, nobody with room waits, and between two
// turns of one namespace every other that could go gets one.
TEST(StartQueue, IsFairFromAnySeed) {
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    const StartLimits limits{.per_namespace = static_cast<int64_t>(1 + random() % 4),
                             .total = static_cast<int64_t>(2 + random() % 6)};
    StartQueue queue(limits);
    std::map<std::string, int64_t> running;
    std::map<std::string, int> waiting;
    std::map<std::string, int> passed_over;  // turns of others since it could go
    for (int step = 0; step < 400; ++step) {
      const std::string ns(1, static_cast<char>('a' + random() % 5));
      if (random() % 2 == 0) {
        // The first one is greedy.
        for (int i = ns == "a" ? 20 : 1; i > 0; --i) {
          ASSERT_TRUE(queue.Wait(ns, Instant::Infinite(), [](const absl::Status&) {}).ok());
          ++waiting[ns];
        }
      } else if (running[ns] > 0) {
        queue.Remove(ns);
        --running[ns];
      }
      for (const StartQueue::Ready& ready : queue.Due(kStart)) {
        ASSERT_TRUE(ready.status.ok());
        for (auto& [other, count] : waiting) {
          const bool could_go = count > 0 && running[other] < limits.per_namespace.each;
          passed_over[other] = other == ready.ns || !could_go ? 0 : passed_over[other] + 1;
          ASSERT_LE(passed_over[other], 5) << "seed " << seed << " " << other;
        }
        ++running[ready.ns];
        --waiting[ready.ns];
      }
      int64_t total = 0;
      for (const auto& [name, count] : running) {
        total += count;
        ASSERT_LE(count, limits.per_namespace.each) << "seed " << seed;
        ASSERT_EQ(queue.running(name), count) << "seed " << seed;
      }
      ASSERT_LE(total, limits.total) << "seed " << seed;
      for (const auto& [name, count] : waiting) {
        ASSERT_FALSE(count > 0 && total < limits.total && running[name] < limits.per_namespace.each)
            << "seed " << seed << ": " << name << " waits though there is room";
      }
    }
  }
}

// Sessions as the test says.
class FakeSessions {
 public:
  FairnessSource source() {
    return {.is_leader = [this] { return is_leader; },
            .watch =
                [this](Watcher* watcher) {
                  watcher_ = watcher;
                  if (!is_listing) EndList();
                  return 1;
                },
            .cancel = [this](Service::WatchId) { watcher_ = nullptr; }};
  }

  void Show(const std::string& ns, const std::string& key, SessionState state,
            int64_t connections = 0, WatchEventType type = WatchEventType::kModified) {
    ShowOf("", ns, key, state, connections, type);
  }
  void ShowOf(const std::string& user, const std::string& ns, const std::string& key,
              SessionState state, int64_t connections = 0,
              WatchEventType type = WatchEventType::kModified) {
    SessionView view;
    view.user = user;
    view.ns = ns;
    view.id = {absl::StrCat(ns, "-", key)};
    view.key.name = key;
    view.state = state;
    view.connections = connections;
    view.idle_deadline = idle_deadline;
    watcher_->OnWatchEvent({type, std::make_shared<const SessionView>(std::move(view)), ""});
  }

  void EndList() {
    WatchEvent event;
    event.type = WatchEventType::kBookmark;
    watcher_->OnWatchEvent(event);
  }

  bool is_leader = true;
  bool is_listing = false;  // a watch has not told all that there is, until EndList
  std::optional<absl::Time> idle_deadline;  // of what is shown next

 private:
  Watcher* watcher_ = nullptr;
};

class FairnessTest : public testing::Test {
 protected:
  void Use(FairnessLimits limits) {
    fairness_ = std::make_unique<Fairness>(clock_, limits);
    fairness_->Open(sessions_.source());
  }
  // "in", "waits", or the reason of the refusal.
  std::string Enter(const std::string& ns, const std::string& key, bool has_spec = true,
                    const std::string& user = "") {
    const size_t index = answers_.size();
    answers_.emplace_back();
    fairness_->Enter({.ns = ns,
                      .key = {.name = key},
                      .has_spec = has_spec,
                      .user = user,
                      .caller = "ada",
                      .deadline = clock_.Now() + absl::Seconds(5)},
                     [this, index](const absl::StatusOr<Fairness::Ticket>& ticket) {
                       answers_[index] = ticket;
                     });
    return Answer(index);
  }
  std::string Answer(size_t index) const {
    if (!answers_[index].has_value()) return "waits";
    return answers_[index]->ok() ? "in" : ReasonOf(answers_[index]->status());
  }
  std::string EnterAs(const std::string& user, const std::string& ns, const std::string& key,
                      bool has_spec = true) {
    return Enter(ns, key, has_spec, user);
  }
  std::string LastMessage() const {
    return answers_.back().has_value() ? std::string(answers_.back()->status().message()) : "";
  }
  int64_t UsedOf(const std::string& ns, const std::string& resource, const std::string& user = "") {
    for (const Fairness::Quota& quota : fairness_->QuotasOf(ns)) {
      if (quota.resource == resource && quota.user == user) return quota.used;
    }
    return -1;
  }

  FakeClock clock_;
  FakeSessions sessions_;
  std::unique_ptr<Fairness> fairness_;
  std::vector<std::optional<absl::StatusOr<Fairness::Ticket>>> answers_;
};

TEST_F(FairnessTest, WithoutLimitsEverybodyIsIn) {
  Use({});
  EXPECT_EQ(Enter("a", "k"), "in");
}

TEST_F(FairnessTest, AQuotaOfSessionsCountsThoseThatAreNotSeenYet) {
  Use({.sessions_per_namespace = 2});
  EXPECT_EQ(Enter("a", "1"), "in");
  EXPECT_EQ(Enter("a", "2"), "in");
  EXPECT_EQ(Enter("a", "3"), "QUOTA_SESSIONS");
  EXPECT_EQ(Enter("b", "3"), "in") << "each namespace for itself";
  EXPECT_EQ(Enter("a", "3", /*has_spec=*/false), "in") << "starts nothing";
  sessions_.Show("a", "1", SessionState::kStarting);
  sessions_.Show("a", "1", SessionState::kReady);
  EXPECT_EQ(UsedOf("a", "sessions"), 2) << "seen and let in is one";
  EXPECT_EQ(Enter("a", "1"), "in") << "of a live session";
  fairness_->Leave(**answers_[0]);
  fairness_->Leave(**answers_[1]);  // its Connect failed
  EXPECT_EQ(UsedOf("a", "sessions"), 1);
  EXPECT_EQ(Enter("a", "3"), "in");
  sessions_.Show("a", "1", SessionState::kTerminated);
  EXPECT_EQ(UsedOf("a", "sessions"), 1);
  sessions_.Show("a", "1", SessionState::kTerminated, 0, WatchEventType::kDeleted);
  EXPECT_EQ(UsedOf("a", "sessions"), 1);
}

TEST_F(FairnessTest, StartsWaitUntilOneIsReady) {
  Use({.starts = {.per_namespace = 1}});
  EXPECT_EQ(Enter("a", "1"), "in");
  EXPECT_EQ(Enter("a", "2"), "waits");
  EXPECT_EQ(Enter("b", "1"), "in");
  sessions_.Show("a", "1", SessionState::kStarting);
  fairness_->Leave(**answers_[0]);
  fairness_->Step(clock_.Now());
  EXPECT_EQ(Answer(1), "waits") << "answered, but still starting";
  sessions_.Show("a", "1", SessionState::kReady);
  EXPECT_EQ(Answer(1), "waits") << "not from within the core";
  EXPECT_EQ(fairness_->NextWake(), Instant{});
  fairness_->Step(clock_.Now());
  EXPECT_EQ(Answer(1), "in");
}

TEST_F(FairnessTest, WhoWaitsInVainHearsItBeforeItsDeadline) {
  Use({.starts = {.total = 1}});
  EXPECT_EQ(Enter("a", "1"), "in");
  EXPECT_EQ(Enter("b", "1"), "waits");
  clock_.Advance(absl::Seconds(5) - kStartWaitMargin);
  fairness_->Step(clock_.Now());
  EXPECT_EQ(Answer(1), "QUOTA_STARTS");
}

TEST_F(FairnessTest, ConnectionsAndRatesRefuse) {
  Use({.connections_per_namespace = 5, .connects_per_caller = 3});
  EXPECT_EQ(Enter("a", "1", false), "in");
  sessions_.Show("a", "1", SessionState::kReady, 5);
  EXPECT_EQ(Enter("a", "1", false), "QUOTA_CONNECTIONS");
  EXPECT_EQ(Enter("b", "1", false), "in") << "a refusal costs nothing";
  EXPECT_EQ(Enter("b", "1", false), "in");
  EXPECT_EQ(Enter("b", "1", false), "RATE_LIMITED");
  EXPECT_EQ(UsedOf("a", "connections"), 5);
}

TEST_F(FairnessTest, AUsersSessionsAreThoseThatWereStartedForTheUser) {
  Use({.sessions_per_user = {2, {{"vip", 3}}}});
  EXPECT_EQ(EnterAs("ada", "a", "1"), "in");
  EXPECT_EQ(EnterAs("ada", "a", "2"), "in");
  EXPECT_EQ(EnterAs("ada", "a", "3"), "QUOTA_SESSIONS");
  EXPECT_EQ(LastMessage(),
            "connect: user ada has 2 sessions in namespace a, and may have 2; end some, or raise "
            "the controller's --quota-sessions-per-user");
  EXPECT_EQ(EnterAs("ben", "a", "3"), "in") << "each user";
  EXPECT_EQ(EnterAs("", "a", "4"), "in") << "nobody's";
  EXPECT_EQ(EnterAs("ada", "b", "1"), "in") << "in each namespace";
  for (const char* key : {"1", "2", "3"}) EXPECT_EQ(EnterAs("ada", "vip", key), "in");
  EXPECT_EQ(EnterAs("ada", "vip", "4"), "QUOTA_SESSIONS");
  sessions_.ShowOf("ada", "a", "1", SessionState::kReady);
  EXPECT_EQ(UsedOf("a", "sessions", "ada"), 2) << "seen and let in is one";
  EXPECT_EQ(EnterAs("ada", "a", "1"), "in") << "joins it";
  fairness_->Leave(**answers_[1]);  // its Connect failed
  EXPECT_EQ(UsedOf("a", "sessions", "ada"), 1);
  EXPECT_EQ(EnterAs("ada", "a", "3"), "in");
  sessions_.ShowOf("ada", "a", "1", SessionState::kTerminated);
  EXPECT_EQ(UsedOf("a", "sessions", "ada"), 1);
  EXPECT_EQ(UsedOf("a", "sessions", "ben"), 1);
}

TEST_F(FairnessTest, AUsersStartsInFlightAreBounded) {
  Use({.starts = {.per_user = 1}});
  EXPECT_EQ(EnterAs("ada", "a", "1"), "in");
  EXPECT_EQ(EnterAs("ada", "a", "2"), "waits");
  EXPECT_EQ(EnterAs("ben", "a", "3"), "in") << "each user";
  EXPECT_EQ(EnterAs("ada", "b", "1"), "in") << "in each namespace";
  EXPECT_EQ(UsedOf("a", "starts", "ada"), 1);
  sessions_.ShowOf("ada", "a", "1", SessionState::kStarting);
  fairness_->Step(clock_.Now());
  EXPECT_EQ(Answer(1), "waits");
  sessions_.ShowOf("ada", "a", "1", SessionState::kReady);
  fairness_->Step(clock_.Now());
  EXPECT_EQ(Answer(1), "in");
  EXPECT_EQ(EnterAs("ada", "a", "4"), "waits");
  clock_.Advance(absl::Seconds(5) - kStartWaitMargin);
  fairness_->Step(clock_.Now());
  EXPECT_EQ(Answer(4), "QUOTA_STARTS");
  EXPECT_EQ(DetailsOf(answers_[4]->status())["user"], "ada");
}

TEST_F(FairnessTest, AUsersConnectionsAreThoseToTheUsersSessions) {
  Use({.connections_per_user = 5});
  EXPECT_EQ(EnterAs("ada", "a", "1"), "in");
  sessions_.ShowOf("ada", "a", "1", SessionState::kReady, 5);
  sessions_.ShowOf("ben", "a", "2", SessionState::kReady, 1);
  EXPECT_EQ(EnterAs("ben", "a", "1", false), "QUOTA_CONNECTIONS") << "to a session of ada's";
  EXPECT_EQ(LastMessage(),
            "connect: user ada has 5 connections open to their sessions in namespace a, and may "
            "have 5; close some, or raise the controller's --quota-connections-per-user");
  EXPECT_EQ(EnterAs("ada", "a", "2", false), "in") << "to a session of ben's";
  EXPECT_EQ(EnterAs("ada", "a", "3"), "QUOTA_CONNECTIONS") << "it would be one of ada's";
  sessions_.ShowOf("ada", "a", "1", SessionState::kReady, 4);
  EXPECT_EQ(EnterAs("ben", "a", "1", false), "in");
  EXPECT_EQ(UsedOf("a", "connections", "ada"), 4);
}

TEST_F(FairnessTest, ANamespaceMayHaveItsOwnLimits) {
  Use({.sessions_per_namespace = {1, {{"big", 2}, {"free", 0}}},
       .starts = {.per_namespace = {0, {{"slow", 1}}}},
       .connects_per_namespace = {0, {{"rare", 1}}}});
  EXPECT_EQ(Enter("small", "1"), "in");
  EXPECT_EQ(Enter("small", "2"), "QUOTA_SESSIONS");
  EXPECT_EQ(Enter("big", "1"), "in");
  EXPECT_EQ(Enter("big", "2"), "in");
  EXPECT_EQ(Enter("big", "3"), "QUOTA_SESSIONS");
  for (int i = 0; i < 9; ++i) EXPECT_EQ(Enter("free", absl::StrCat(i)), "in");
  EXPECT_EQ(Enter("slow", "1"), "in");
  EXPECT_EQ(Enter("rare", "1"), "in");
  EXPECT_EQ(Enter("rare", "1"), "RATE_LIMITED");
  for (const Fairness::Quota& quota : fairness_->QuotasOf("big")) {
    if (quota.resource == "sessions") EXPECT_EQ(quota.allowed, 2);
  }
}

TEST_F(FairnessTest, StartsOfANamespaceWithItsOwnLimitWait) {
  Use({.starts = {.per_namespace = {0, {{"slow", 1}}}}});
  EXPECT_EQ(Enter("slow", "1"), "in");
  EXPECT_EQ(Enter("slow", "2"), "waits");
  EXPECT_EQ(Enter("other", "1"), "in");
  EXPECT_EQ(Enter("other", "2"), "in");
}

TEST_F(FairnessTest, TellsOfTheUsersWithTheMostSessions) {
  Use({.sessions_per_user = 1000});
  EXPECT_EQ(EnterAs("first", "a", "k"), "in");
  for (size_t i = 0; i < 2 * kQuotaUsersShown; ++i) {
    sessions_.ShowOf(absl::StrCat("user-", i), "a", absl::StrCat("s-", i), SessionState::kReady);
  }
  sessions_.ShowOf("zoe", "a", "z-1", SessionState::kReady);
  sessions_.ShowOf("zoe", "a", "z-2", SessionState::kReady);
  const auto quotas = fairness_->QuotasOf("a");
  ASSERT_EQ(quotas.size(), 4 + 2 * kQuotaUsersShown);
  EXPECT_EQ(quotas[4].user, "zoe");
  EXPECT_EQ(quotas[4].used, 2);
  EXPECT_EQ(quotas[4].allowed, 1000);
}

TEST_F(FairnessTest, OfTwoUsersWithoutAKeyEachIsCountedOnce) {
  Use({.sessions_per_user = 1});
  EXPECT_EQ(EnterAs("ada", "a", ""), "in");
  EXPECT_EQ(EnterAs("ben", "a", ""), "in");
  sessions_.ShowOf("ben", "a", "", SessionState::kStarting);
  fairness_->Leave(**answers_[1]);
  EXPECT_EQ(UsedOf("a", "sessions", "ada"), 1);
  EXPECT_EQ(UsedOf("a", "sessions", "ben"), 1);
  EXPECT_EQ(EnterAs("ada", "a", ""), "QUOTA_SESSIONS") << "hers is not to be seen yet";
}

// After a change of the leader there may be 100,000 sessions, which take many turns to list.
TEST_F(FairnessTest, NothingStartsBeforeItIsKnownWhatThereIs) {
  Use({.sessions_per_namespace = 2});
  sessions_.is_listing = true;
  EXPECT_EQ(Enter("a", "1"), "waits");
  EXPECT_EQ(Enter("a", "3"), "waits");
  EXPECT_EQ(Enter("a", "1", /*has_spec=*/false), "in") << "starts nothing";
  sessions_.Show("a", "1", SessionState::kReady);
  sessions_.Show("a", "2", SessionState::kReady);
  fairness_->Step(clock_.Now());
  EXPECT_EQ(Answer(0), "waits");
  sessions_.EndList();
  EXPECT_EQ(fairness_->NextWake(), Instant{});
  fairness_->Step(clock_.Now());
  EXPECT_EQ(Answer(0), "in") << "joins it";
  EXPECT_EQ(Answer(1), "QUOTA_SESSIONS");
  EXPECT_EQ(UsedOf("a", "starts"), 0);
}

TEST_F(FairnessTest, AStandbyCountsNothing) {
  Use({.sessions_per_namespace = 1});
  sessions_.is_leader = false;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Enter("a", absl::StrCat(i)), "in");
}

TEST_F(FairnessTest, AFullNamespaceSaysWhenItsNextSessionEnds) {
  Use({.sessions_per_namespace = 2});
  Enter("a", "1");
  Enter("a", "2");
  sessions_.idle_deadline = clock_.WallNow() + absl::Seconds(9);
  sessions_.Show("a", "1", SessionState::kReady);
  sessions_.idle_deadline = clock_.WallNow() + absl::Seconds(5);
  sessions_.Show("a", "2", SessionState::kReady);
  sessions_.idle_deadline.reset();
  const auto wait = [this](const std::string& ns) {
    EXPECT_EQ(Enter(ns, "3"), "QUOTA_SESSIONS");
    return *RetryAfterOf(answers_.back()->status());
  };
  EXPECT_EQ(wait("a"), absl::Seconds(5));
  EXPECT_EQ(DetailsOf(answers_.back()->status()),
            (std::map<std::string, std::string>{{"namespace", "a"},
                                                {"quota", "quota-sessions-per-namespace"},
                                                {"used", "2"},
                                                {"limit", "2"}}));
  sessions_.Show("a", "2", SessionState::kReady, 1);  // somebody came
  EXPECT_EQ(wait("a"), absl::Seconds(9));
  clock_.Advance(absl::Seconds(8.5));
  EXPECT_EQ(wait("a"), kQuotaRetryMin);
  sessions_.Show("a", "1", SessionState::kReady, 1);
  EXPECT_EQ(wait("a"), kQuotaRetryMax) << "nobody knows when they leave";
}

}  // namespace
}  // namespace spawner::core
