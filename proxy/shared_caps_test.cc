#include "proxy/shared_caps.h"

#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace spawner::proxy {
namespace {

TEST(SharedCaps, CountsEachSessionAndForgetsTheEmpty) {
  SharedCaps caps;
  EXPECT_TRUE(caps.TryOpen("a", 2));
  EXPECT_TRUE(caps.TryOpen("a", 2));
  EXPECT_FALSE(caps.TryOpen("a", 2));
  EXPECT_TRUE(caps.TryOpen("b", 1));
  EXPECT_EQ(caps.sessions(), 2u);
  caps.Close("a");
  EXPECT_TRUE(caps.TryOpen("a", 2));
  caps.Close("a");
  caps.Close("a");
  caps.Close("b");
  EXPECT_EQ(caps.sessions(), 0u);
}

TEST(SharedCaps, IsExactOverThreads) {
  // Goal: never more than `kMax` open, and none lost. Method: threads that open and close.
  constexpr int kMax = 3;
  SharedCaps caps;
  std::atomic<int> open{0};  // read by all threads while they write it
  std::atomic<int> most{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&caps, &open, &most] {
      for (int round = 0; round < 20'000; ++round) {
        if (!caps.TryOpen("a", kMax)) continue;
        const int now = ++open;
        int seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        --open;
        caps.Close("a");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most, kMax);
  EXPECT_EQ(caps.sessions(), 0u);
}

}  // namespace
}  // namespace spawner::proxy
