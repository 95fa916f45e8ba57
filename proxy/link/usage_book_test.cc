#include "proxy/link/usage_book.h"

#include <string>

#include "gtest/gtest.h"

namespace spawner::proxy {
namespace {

class UsageBookTest : public testing::Test {
 protected:
  SessionTotals Totals(int64_t open, uint64_t bytes = 0, std::string id = "a", uint64_t epoch = 5) {
    return {.session_id = std::move(id),
            .epoch = epoch,
            .open = open,
            .held = open > 1 ? 1 : 0,
            .opened_total = 9,
            .bytes_total = bytes,
            .last_active = clock_.Now()};
  }
  void Route(std::string id, uint64_t epoch) {
    book_.Apply({.version = {1, ++version_}, .routes = {{.session_id = id, .epoch = epoch}}});
  }

  FakeClock clock_;
  UsageBook book_{2};
  uint64_t version_ = 0;
};

TEST_F(UsageBookTest, SumsTheWorkersAndTakesTheYoungestActivity) {
  Route("a", 5);
  book_.Update(0, {Totals(1, 10)});
  clock_.Advance(absl::Seconds(4));
  book_.Update(1, {Totals(2, 30)});
  clock_.Advance(absl::Milliseconds(2500));
  const v1::Usage usage = book_.TakeComplete(clock_.Now());
  EXPECT_TRUE(usage.complete());
  ASSERT_EQ(usage.sessions_size(), 1);
  EXPECT_EQ(usage.sessions(0).open(), 3);
  EXPECT_EQ(usage.sessions(0).held(), 1);
  EXPECT_EQ(usage.sessions(0).opened_total(), 18u);
  EXPECT_EQ(usage.sessions(0).bytes_total(), 40u);
  EXPECT_EQ(usage.sessions(0).idle_for().seconds(), 2);
  EXPECT_EQ(usage.sessions(0).idle_for().nanos(), 500'000'000);
  EXPECT_EQ(book_.open(), 3);
}

TEST_F(UsageBookTest, IsUrgentWhenTheSumLeavesOrReachesZeroOnly) {
  Route("a", 5);
  book_.Update(0, {Totals(1)});
  EXPECT_TRUE(book_.IsUrgent());
  EXPECT_EQ(book_.TakeUrgent(clock_.Now()).sessions_size(), 1);
  book_.Update(1, {Totals(1)});
  EXPECT_FALSE(book_.IsUrgent());
  EXPECT_TRUE(book_.HasChanges());
  book_.Update(0, {Totals(0)});
  EXPECT_FALSE(book_.IsUrgent());
  book_.Update(1, {Totals(0)});
  ASSERT_TRUE(book_.IsUrgent());
  EXPECT_EQ(book_.TakeUrgent(clock_.Now()).sessions(0).open(), 0);
  EXPECT_FALSE(book_.HasChanges());
}

TEST_F(UsageBookTest, TheSumDoesNotReachZeroWhenAConnectionMovesBetweenWorkers) {
  Route("a", 5);
  book_.Update(0, {Totals(1)});
  book_.TakeUrgent(clock_.Now());
  book_.Update(0, {Totals(0)});
  book_.Update(1, {Totals(1)});
  EXPECT_FALSE(book_.IsUrgent());
  EXPECT_EQ(book_.TakeChanged(clock_.Now()).sessions(0).open(), 1);
}

TEST_F(UsageBookTest, ForgetsAnEndedSessionOnceItsZeroIsReported) {
  Route("a", 5);
  book_.Update(0, {Totals(1)});
  book_.TakeUrgent(clock_.Now());
  book_.Apply({.version = {1, 9}, .removed = {"a"}});
  EXPECT_EQ(book_.size(), 1u);
  book_.Update(0, {Totals(0)});
  EXPECT_EQ(book_.size(), 1u);
  EXPECT_EQ(book_.TakeUrgent(clock_.Now()).sessions_size(), 1);
  EXPECT_EQ(book_.size(), 0u);
}

TEST_F(UsageBookTest, ForgetsWhatAWholeTableLeavesOutAndOlderEpochs) {
  Route("a", 5);
  Route("b", 5);
  book_.Update(0, {Totals(0, 1, "a"), Totals(0, 1, "b")});
  book_.TakeChanged(clock_.Now());
  EXPECT_EQ(book_.size(), 2u);
  book_.Apply(
      {.version = {2, 1}, .replaces_all = true, .routes = {{.session_id = "b", .epoch = 5}}});
  EXPECT_EQ(book_.size(), 1u);
  Route("b", 6);
  EXPECT_EQ(book_.size(), 0u);
}

TEST_F(UsageBookTest, KeepsTheTotalsOfALiveSessionWithNothingOpen) {
  Route("a", 5);
  book_.Update(0, {Totals(0, 100)});
  book_.TakeChanged(clock_.Now());
  book_.Update(1, {Totals(0, 1)});
  EXPECT_EQ(book_.TakeChanged(clock_.Now()).sessions(0).bytes_total(), 101u);
}

// The first Hello may go to a controller that does not lead, or get lost.
TEST_F(UsageBookTest, EveryCompleteReportTellsWhoWasUsed) {
  Route("a", 5);
  Route("b", 5);
  book_.Update(0, {Totals(1, 1, "a"), Totals(1, 1, "b")});
  book_.TakeUrgent(clock_.Now());
  book_.Update(0, {Totals(0, 2, "b")});
  for (int hello = 0; hello < 3; ++hello) {
    const v1::Usage usage = book_.TakeComplete(clock_.Now());
    ASSERT_EQ(usage.sessions_size(), 2) << hello;
    EXPECT_EQ(usage.sessions(0).open(), 1);
    EXPECT_EQ(usage.sessions(1).open(), 0);
    EXPECT_EQ(usage.sessions(1).opened_total(), 9u);
  }
  EXPECT_FALSE(book_.IsUrgent());
  EXPECT_FALSE(book_.HasChanges());
}

TEST_F(UsageBookTest, ACompleteReportIsTheLastWordOnAnEndedSession) {
  Route("a", 5);
  book_.Update(0, {Totals(1)});
  book_.Apply({.version = {1, 9}, .removed = {"a"}});
  book_.Update(0, {Totals(0)});
  EXPECT_EQ(book_.TakeComplete(clock_.Now()).sessions_size(), 1);
  EXPECT_EQ(book_.size(), 0u);
}

}  // namespace
}  // namespace spawner::proxy
