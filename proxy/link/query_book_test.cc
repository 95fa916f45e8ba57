#include "proxy/link/query_book.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proxy/link/limits.h"

namespace spawner::proxy {
namespace {

TEST(QueryBook, AsksOncePerLinkUntilAnswered) {
  QueryBook book;
  FakeClock clock;
  EXPECT_TRUE(book.Add("a", clock.Now()));
  EXPECT_TRUE(book.Add("a", clock.Now()));
  EXPECT_EQ(book.Take(), "a");
  EXPECT_EQ(book.Take(), std::nullopt);
  book.BeginLink();
  EXPECT_EQ(book.Take(), "a");
  book.Apply({.unknown = {"a"}});
  book.BeginLink();
  EXPECT_EQ(book.Take(), std::nullopt);
  EXPECT_TRUE(book.Add("a", clock.Now()));
  EXPECT_EQ(book.Take(), "a");
}

TEST(QueryBook, ARouteIsAnAnswerAlsoBeforeTheQuestionIsOut) {
  QueryBook book;
  book.Add("a", Instant{});
  book.Apply({.routes = {{.session_id = "a"}}});
  EXPECT_EQ(book.Take(), std::nullopt);
  EXPECT_EQ(book.waiting(), 0u);
}

TEST(QueryBook, BoundsWhatWaitsAndForgetsWhatIsNeverAnswered) {
  QueryBook book;
  FakeClock clock;
  for (size_t i = 0; i < kQueriesMax; ++i) {
    ASSERT_TRUE(book.Add(absl::StrCat("s", i), clock.Now()));
  }
  EXPECT_FALSE(book.Add("late", clock.Now()));
  clock.Advance(kQueryForget);
  EXPECT_TRUE(book.Add("late", clock.Now()));
  EXPECT_EQ(book.waiting(), 1u);
  EXPECT_EQ(book.Take(), "late");
}

TEST(QueryBook, AnsweredIdsBehindAnOldOneDoNotUseUpTheBound) {
  QueryBook book;
  FakeClock clock;
  book.Add("never", clock.Now());
  for (size_t i = 0; i < 3 * kQueriesMax; ++i) {
    const std::string id = absl::StrCat("s", i);
    ASSERT_TRUE(book.Add(id, clock.Now()));
    book.Apply({.unknown = {id}});
  }
  EXPECT_EQ(book.waiting(), 1u);
}

}  // namespace
}  // namespace spawner::proxy
