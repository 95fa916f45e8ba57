#include "controller/core/loop.h"

#include <string>
#include <utility>
#include <vector>

#include "controller/core/limits.h"
#include "gtest/gtest.h"

namespace spawner::core {
namespace {

// Waits by moving the clock, or not at all if it was woken.
class WaitingTransport final : public kube::HttpTransport {
 public:
  explicit WaitingTransport(FakeClock& clock) : clock_(clock) {}
  RequestId Start(kube::HttpRequest, kube::HttpHandler*) override { return 1; }
  void Cancel(RequestId) override {}
  void SetPaused(RequestId, bool) override {}
  void Poll(absl::Duration max_wait) override {
    waits.push_back(max_wait);
    if (!std::exchange(is_woken_, false)) clock_.Advance(max_wait);
  }
  void Wake() override { is_woken_ = true; }
  std::string Describe() const override { return "test"; }

  std::vector<absl::Duration> waits;

 private:
  FakeClock& clock_;
  bool is_woken_ = false;
};

class CoreLoopTest : public testing::Test {
 protected:
  CoreLoop::Part Part(const std::string& name, Instant wake_at = Instant::Infinite()) {
    return {[this, name](Instant) { done_.push_back(name); }, [wake_at] { return wake_at; }};
  }
  // Work, and after it `waits` waits each with its work.
  void Run(size_t waits) {
    loop_.RunUntil([this, waits] { return transport_.waits.size() >= waits; });
  }

  FakeClock clock_;
  WaitingTransport transport_{clock_};
  CoreLoop loop_{transport_, clock_};
  std::vector<std::string> done_;
};

TEST_F(CoreLoopTest, DoesWhatWasPostedThenEveryPartThenLooksWhetherItIsDone) {
  loop_.Add(Part("first"));
  loop_.Add(Part("second"));
  loop_.Post([this] { done_.push_back("posted"); });
  Run(0);
  EXPECT_EQ(done_, (std::vector<std::string>{"posted", "first", "second"}));
  EXPECT_TRUE(transport_.waits.empty()) << "what is done does not wait";
}

TEST_F(CoreLoopTest, LooksAroundNowAndThenEvenIfNobodyAsksForIt) {
  Run(1);
  EXPECT_EQ(transport_.waits, std::vector<absl::Duration>{kPollMax});
}

TEST_F(CoreLoopTest, WaitsForTheEarliestPartAndNeverANegativeTime) {
  loop_.Add(Part("late", clock_.Now() + absl::Seconds(5)));
  loop_.Add(Part("early", clock_.Now() + absl::Seconds(2)));
  Run(2);  // "early" is due from then on
  clock_.Advance(absl::Seconds(60));
  Run(3);  // both are overdue
  EXPECT_EQ(transport_.waits, (std::vector<absl::Duration>{absl::Seconds(2), absl::ZeroDuration(),
                                                           absl::ZeroDuration()}));
}

TEST_F(CoreLoopTest, APartMayAddAnotherWhichRunsInTheSameTurn) {
  bool has_added = false;
  loop_.Add({[this, &has_added](Instant) {
               if (!std::exchange(has_added, true)) loop_.Add(Part("added"));
             },
             [] { return Instant::Infinite(); }});
  Run(0);
  EXPECT_EQ(done_, std::vector<std::string>{"added"});
}

TEST_F(CoreLoopTest, WorkThatPostsIsFollowedAtOnce) {
  loop_.Post([this] { loop_.Post([this] { done_.push_back("second"); }); });
  const Instant begin = clock_.Now();
  loop_.RunUntil([this] { return !done_.empty(); });
  EXPECT_EQ(clock_.Now(), begin);
}

TEST_F(CoreLoopTest, PostsThatTakeLongLetTheStepsComeInBetween) {
  loop_.Add(Part("step"));
  for (int i = 0; i < 5; ++i) {
    loop_.Post([this] {
      clock_.Advance(kPostedPerTurnMax / 2);
      done_.push_back("posted");
    });
  }
  Run(2);
  EXPECT_EQ(done_, (std::vector<std::string>{"posted", "posted", "step", "posted", "posted", "step",
                                             "posted", "step"}));
  EXPECT_EQ(transport_.waits, std::vector<absl::Duration>(2)) << "without waiting for anything";
}

TEST_F(CoreLoopTest, EndsAtItsDeadlineIfItIsNeverDone) {
  const Instant begin = clock_.Now();
  loop_.Add(Part("step"));
  loop_.RunUntil([] { return false; }, begin + absl::Seconds(7));
  EXPECT_EQ(clock_.Now(), begin + absl::Seconds(7));
  EXPECT_EQ(transport_.waits, std::vector<absl::Duration>{absl::Seconds(7)});
  EXPECT_EQ(done_.size(), 2u);
}

}  // namespace
}  // namespace spawner::core
