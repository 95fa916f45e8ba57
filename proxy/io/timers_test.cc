#include "proxy/io/timers.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "base/random.h"
#include "gtest/gtest.h"

namespace spawner::proxy {
namespace {

struct Recorder : TimerHandler {
  void OnTimer(Instant now) override { told.push_back(now); }
  std::vector<Instant> told;
};

TEST(Timers, TellsEachOnceWhenItIsDue) {
  Timers timers;
  Recorder recorder;
  Timer timer(timers, recorder);
  timer.Arm(Instant{10});
  timers.Run(Instant{9});
  EXPECT_TRUE(recorder.told.empty());
  timers.Run(Instant{10});
  timers.Run(Instant{11});
  EXPECT_EQ(recorder.told, std::vector<Instant>{Instant{10}});
  EXPECT_EQ(timers.Next(), Instant::Infinite());
}

TEST(Timers, DestructionDisarms) {
  Timers timers;
  Recorder recorder;
  {
    Timer(timers, recorder).Arm(Instant{1});
  }
  timers.Run(Instant{2});
  EXPECT_TRUE(recorder.told.empty());
}

TEST(Timers, AHandlerThatArmsForNowDoesNotHoldTheLoop) {
  struct Again : TimerHandler {
    explicit Again(Timers& timers) : timer(timers, *this) {}
    void OnTimer(Instant now) override {
      ++count;
      timer.Arm(now);
    }
    Timer timer;
    int count = 0;
  };
  Timers timers;
  Again again(timers);
  again.timer.Arm(Instant{1});
  timers.Run(Instant{1});
  EXPECT_EQ(again.count, 1);
}

// Goal: the heap keeps order under arming, re-arming and disarming; compared with a sorted list.
TEST(Timers, KeepsTheOrderOfDeadlinesUnderRandomUse) {
  constexpr uint64_t kSeed = 7;
  SCOPED_TRACE(kSeed);
  SeededRandom random(kSeed);
  Timers timers;
  struct Named : TimerHandler {
    Named(Timers& its_timers, std::vector<int64_t>& its_log)
        : timer(its_timers, *this), log(its_log) {}
    void OnTimer(Instant) override { log.push_back(timer.deadline().nanoseconds); }
    Timer timer;
    std::vector<int64_t>& log;
  };
  std::vector<int64_t> log;
  std::vector<std::unique_ptr<Named>> all;
  for (int i = 0; i < 200; ++i) all.push_back(std::make_unique<Named>(timers, log));
  for (int i = 0; i < 2000; ++i) {
    Timer& timer = all[random.Below(all.size())]->timer;
    if (random.OneIn(4)) {
      timer.Disarm();
    } else {
      timer.Arm(Instant{static_cast<int64_t>(random.Below(1000))});
    }
  }
  std::vector<int64_t> expected;
  for (const auto& named : all) {
    if (named->timer.is_armed()) expected.push_back(named->timer.deadline().nanoseconds);
  }
  std::sort(expected.begin(), expected.end());
  timers.Run(Instant{1000});
  EXPECT_EQ(log, expected);
}

}  // namespace
}  // namespace spawner::proxy
