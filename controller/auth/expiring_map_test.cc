#include "controller/auth/expiring_map.h"

#include <gtest/gtest.h>

#include "controller/auth/ask_once.h"

namespace spawner::auth {
namespace {

constexpr Instant kStart{1'000};

TEST(ExpiringMap, KeepsWhatIsGoodAndNotMoreThanItMay) {
  ExpiringMap<int> map(2);
  map.Put("a", 1, kStart + absl::Seconds(1));
  map.Put("b", 2, kStart + absl::Seconds(5));
  ASSERT_NE(map.Find("a", kStart), nullptr);
  EXPECT_EQ(*map.Find("a", kStart), 1);
  EXPECT_EQ(map.Find("a", kStart + absl::Seconds(1)), nullptr);
  map.Put("a", 3, kStart + absl::Seconds(9));
  EXPECT_EQ(map.size(), 2u);
  map.Put("c", 4, kStart + absl::Seconds(9));
  EXPECT_EQ(map.Find("b", kStart), nullptr) << "the oldest has to go";
  EXPECT_EQ(*map.Find("a", kStart), 3);
  EXPECT_EQ(*map.Find("c", kStart), 4);
}

TEST(AskOnce, AsksOnceHoweverManyWait) {
  AskOnce<int> asked(10);
  int questions = 0;
  int sum = 0;
  AskOnce<int>::Finish finish;
  const auto start = [&](AskOnce<int>::Finish given) {
    ++questions;
    finish = std::move(given);
  };
  const auto add = [&sum](const absl::StatusOr<int>& value) { sum += value.value_or(-1); };
  asked.Get("k", kStart, add, start);
  asked.Get("k", kStart, add, start);
  EXPECT_EQ(questions, 1);
  finish({5, absl::Seconds(3)});
  EXPECT_EQ(sum, 10);
  asked.Get("k", kStart + absl::Seconds(2), add, start);
  EXPECT_EQ(sum, 15) << "remembered: at once";
  asked.Get("k", kStart + absl::Seconds(3), add, start);
  EXPECT_EQ(questions, 2) << "forgotten: asked again";
}

TEST(AskOnce, RefusesWhenTooManyQuestionsAreOpen) {
  AskOnce<int> asked(10);
  int refused = 0;
  for (size_t i = 0; i < kReviewsMax + 3; ++i) {
    asked.Get(
        std::to_string(i), kStart,
        [&refused](const absl::StatusOr<int>& value) {
          EXPECT_EQ(ReasonOf(value.status()), "RATE_LIMITED");
          ++refused;
        },
        [](const AskOnce<int>::Finish&) {});
  }
  EXPECT_EQ(refused, 3);
}

}  // namespace
}  // namespace spawner::auth
