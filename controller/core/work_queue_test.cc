#include "controller/core/work_queue.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace spawner::core {
namespace {

class WorkQueueTest : public testing::Test {
 protected:
  std::vector<std::string> TakeAll() {
    std::vector<std::string> taken;
    while (const auto id = queue_.Take()) taken.push_back(id->value);
    return taken;
  }

  WorkQueue queue_;
  const SessionId a_{"a"};
  const SessionId b_{"b"};
  const SessionId c_{"c"};
  WorkTimer a_timer_;
  WorkTimer b_timer_;
  WorkTimer c_timer_;
};

TEST_F(WorkQueueTest, GivesEachOnceInTheOrderOfTheirFirstMark) {
  queue_.MarkDirty(b_);
  queue_.MarkDirty(a_);
  queue_.MarkDirty(b_);
  EXPECT_FALSE(queue_.empty());
  EXPECT_EQ(TakeAll(), (std::vector<std::string>{"b", "a"}));
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.Take(), std::nullopt);
}

// Whoever is busy all the time does not keep the others from their turn.
TEST_F(WorkQueueTest, OneThatIsMarkedWhileItIsLookedAtGoesToTheEnd) {
  queue_.MarkDirty(a_);
  queue_.MarkDirty(b_);
  ASSERT_EQ(queue_.Take(), a_);
  queue_.MarkDirty(a_);
  EXPECT_EQ(TakeAll(), (std::vector<std::string>{"b", "a"}));
}

TEST_F(WorkQueueTest, FiresTimersAtTheirTimeAndInTheirOrder) {
  queue_.SetTimer(a_, a_timer_, Instant{30});
  queue_.SetTimer(b_, b_timer_, Instant{10});
  queue_.SetTimer(c_, c_timer_, Instant{20});
  EXPECT_EQ(queue_.NextTimer(), Instant{10});
  queue_.FireTimers(Instant{9});
  EXPECT_TRUE(queue_.empty());
  queue_.FireTimers(Instant{20});
  EXPECT_EQ(queue_.NextTimer(), Instant{30});
  EXPECT_EQ(TakeAll(), (std::vector<std::string>{"b", "c"}));
  queue_.FireTimers(Instant{29});
  EXPECT_TRUE(queue_.empty()) << "a timer fires once";
}

TEST_F(WorkQueueTest, ASessionHasOneTimer) {
  queue_.SetTimer(a_, a_timer_, Instant{10});
  queue_.SetTimer(a_, a_timer_, Instant{40});
  queue_.SetTimer(b_, b_timer_, Instant{20});
  queue_.Forget(b_, b_timer_);
  EXPECT_EQ(queue_.NextTimer(), Instant{40});
  queue_.FireTimers(Instant{39});
  EXPECT_TRUE(queue_.empty());
  queue_.SetTimer(a_, a_timer_, Instant::Infinite());
  EXPECT_EQ(queue_.NextTimer(), Instant::Infinite());
  queue_.FireTimers(Instant{100});
  EXPECT_TRUE(queue_.empty());
}

}  // namespace
}  // namespace spawner::core
