#include "base/mailbox.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace spawner {
namespace {

TEST(Mailbox, WakesOnceForEachTimeItFills) {
  int wakes = 0;
  Mailbox<int> box([&wakes] { ++wakes; });
  box.Post(1);
  box.Post(2);
  EXPECT_EQ(wakes, 1);
  EXPECT_EQ(box.Drain(), (std::vector<int>{1, 2}));
  EXPECT_TRUE(box.Drain().empty());
  box.Post(3);
  EXPECT_EQ(wakes, 2);
}

TEST(Mailbox, LosesNothingBetweenThreads) {
  // Goal: every value of several posting threads arrives once. Method: sum them.
  std::atomic<int> wakes{0};
  Mailbox<int> box([&wakes] { ++wakes; });
  std::vector<std::jthread> posters;
  for (int t = 0; t < 4; ++t) {
    posters.emplace_back([&box] {
      for (int i = 1; i <= 1000; ++i) box.Post(i);
    });
  }
  int64_t sum = 0;
  int count = 0;
  while (count < 4000) {
    for (const int value : box.Drain()) {
      sum += value;
      ++count;
    }
  }
  EXPECT_EQ(sum, 4 * 500500);
  EXPECT_GE(wakes.load(), 1);
}

}  // namespace
}  // namespace spawner
