#include "controller/session/history.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "controller/session/limits.h"
#include "gtest/gtest.h"

namespace spawner {
namespace {

Transition Step(int ms, SessionState from, SessionState to, std::string cause) {
  return {absl::FromUnixMillis(1'700'000'000'000 + ms), from, to, std::move(cause)};
}

TEST(History, ComesBackFromItsAnnotation) {
  History history;
  const std::vector<Transition> steps = {
      Step(0, SessionState::kPending, SessionState::kStarting, "pod created"),
      Step(812, SessionState::kStarting, SessionState::kReady, "pod ready"),
      Step(900, SessionState::kReady, SessionState::kReady, ""),
      Step(999'123, SessionState::kReady, SessionState::kTerminating, "\"quoted\" \xc3\xa4")};
  for (const Transition& step : steps) history.Add(step);
  EXPECT_EQ(history.Steps(), steps);
  EXPECT_EQ(history.last_state(), SessionState::kTerminating);
  EXPECT_EQ(history.Encode().substr(0, 57),
            R"([[1700000000000,1,2,"pod created"],[1700000000812,2,3,"po)");
  History loaded;
  ASSERT_TRUE(loaded.Load(history.Encode()).ok());
  EXPECT_EQ(loaded.Steps(), steps);
}

TEST(History, TheOldestMakeRoom) {
  History history;
  for (int i = 0; i < 100; ++i) {
    history.Add(Step(i, SessionState::kReady, SessionState::kDraining, absl::StrCat("step ", i)));
  }
  const std::vector<Transition> steps = history.Steps();
  ASSERT_EQ(steps.size(), kTransitionsMax);
  EXPECT_EQ(steps.front().cause, "step 80");
  EXPECT_EQ(steps.back().cause, "step 99");
}

TEST(History, IsBoundedWhateverCausesSay) {
  History history;
  for (int i = 0; i < 100; ++i) {
    history.Add(Step(i, SessionState::kReady, SessionState::kDraining, std::string(5000, 'x')));
    EXPECT_LE(history.bytes(), 2 * kHistoryBytesMax);
    EXPECT_EQ(history.Steps().back().cause.size(), kCauseBytesMax);
  }
  EXPECT_LE(history.Encode().size(), kHistoryBytesMax + 40 * kTransitionsMax);
  EXPECT_GE(history.Steps().size(), kHistoryBytesMax / (kCauseBytesMax + 10));
}

TEST(History, CutsBetweenCharacters) {
  History history;
  history.Add(Step(0, SessionState::kReady, SessionState::kReady,
                   std::string(kCauseBytesMax - 1, 'x') + "\xe2\x82\xac"));
  EXPECT_EQ(history.Steps()[0].cause, std::string(kCauseBytesMax - 1, 'x'));
}

TEST(History, KeepsWhatItHasIfATextIsNone) {
  History history;
  history.Add(Step(0, SessionState::kReady, SessionState::kReady, "here"));
  for (const char* text : {"", "{", "{}", "7", "[7]", "[[1,2,3]]", R"([["1",2,3,"x"]])",
                           R"([[1,0,3,"x"]])", R"([[1,2,7,"x"]])", "[[1,2,3,4]]",
                           R"([[1.5,2,3,"x"]])", R"([[99999999999999999999,2,3,"x"]])"}) {
    EXPECT_FALSE(history.Load(text).ok()) << text;
    EXPECT_EQ(history.Steps().size(), 1u);
  }
}

TEST(History, TakesAnyBytesForATextWithoutHarm) {
  SeededRandom random(7);
  History whole;
  for (int i = 0; i < 5; ++i) {
    whole.Add(Step(i, SessionState::kStarting, SessionState::kReady, "pod ready"));
  }
  for (int round = 0; round < 2'000; ++round) {
    std::string text = whole.Encode();
    for (int i = 0; i < 3; ++i) {
      text[random.Next() % text.size()] = static_cast<char>(random.Next() & 0xff);
    }
    History history;
    if (history.Load(text).ok()) EXPECT_LE(history.Steps().size(), 5u);
  }
}

}  // namespace
}  // namespace spawner
