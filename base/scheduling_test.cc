#include "base/scheduling.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <thread>

namespace spawner {
namespace {

TEST(PreferThroughput, IsOfThisThreadAndThoseThatItStarts) {
  const int before = sched_getscheduler(0);
  int of_child = -1;
  std::thread caller([&of_child] {
    ASSERT_EQ(PreferThroughput(), absl::OkStatus());
    EXPECT_EQ(sched_getscheduler(0), SCHED_BATCH);
    std::thread([&of_child] { of_child = sched_getscheduler(0); }).join();
  });
  caller.join();
  EXPECT_EQ(of_child, SCHED_BATCH);
  EXPECT_EQ(sched_getscheduler(0), before) << "others are as they were";
}

}  // namespace
}  // namespace spawner
