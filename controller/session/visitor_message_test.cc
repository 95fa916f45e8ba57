#include "controller/session/visitor_message.h"

#include <cctype>
#include <set>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace spawner {
namespace {

TEST(VisitorMessage, IsASentenceOfItsOwnForEachReason) {
  std::set<std::string> seen;
  for (int number = static_cast<int>(EndReason::kNone);
       number <= static_cast<int>(EndReason::kInternal); ++number) {
    const std::string said = VisitorMessage(static_cast<EndReason>(number), std::nullopt, {});
    ASSERT_FALSE(said.empty()) << number;
    EXPECT_TRUE(std::isupper(said.front()) != 0 && said.back() == '.') << said;
    // Who is idle for certain is no matter of the visitor's.
    if (number == static_cast<int>(EndReason::kIdleUnconfirmed)) continue;
    EXPECT_TRUE(seen.insert(said).second) << said;
  }
}

TEST(VisitorMessage, NamesTheExitCodeOfAProgramThatLeft) {
  EXPECT_EQ(VisitorMessage(EndReason::kExited, 0, {}),
            "The session's program has left (exit code 0).");
  EXPECT_EQ(VisitorMessage(EndReason::kCrashed, 139, {}),
            "The session's program has crashed (exit code 139).");
  EXPECT_EQ(VisitorMessage(EndReason::kCrashed, std::nullopt, {}),
            "The session's program has crashed.");
}

// The exit code comes seconds after the end: the routes need not change for it.
TEST(VisitorMessage, IsTheSameBeforeAndAfterTheExitCodeIsKnownOtherwise) {
  for (EndReason reason : {EndReason::kIdle, EndReason::kRequested, EndReason::kMaxLifetime,
                           EndReason::kOomKilled, EndReason::kEvicted, EndReason::kDeleted}) {
    EXPECT_EQ(VisitorMessage(reason, std::nullopt, {}), VisitorMessage(reason, 143, {}));
  }
}

TEST(VisitorMessage, NamesTheLimitThatWasReached) {
  SessionSpec spec;
  spec.lifetime.max = absl::Hours(8);
  spec.lifetime.start_timeout = absl::Seconds(3);
  EXPECT_EQ(VisitorMessage(EndReason::kMaxLifetime, std::nullopt, spec),
            "The session has ended: it may last 8h at most.");
  EXPECT_EQ(VisitorMessage(EndReason::kStartTimeout, std::nullopt, spec),
            "The session could not be started: it was not ready within 3s.");
}

}  // namespace
}  // namespace spawner
