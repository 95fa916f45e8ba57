#include "proxy/link/use_book.h"

#include <gtest/gtest.h>

#include "proxy/link/limits.h"

namespace spawner::proxy {
namespace {

const TokenUse kUse = {.session_id = "k7x2",
                       .grant_id = "g1",
                       .expires_at = absl::FromUnixSeconds(1'800'000'060),
                       .leadership = 3};

TEST(UseBook, CarriesAQuestionAndItsAnswerToTheWorkerThatAsked) {
  UseBook book;
  book.Add(1, 77, kUse, true);
  book.Add(2, 78, kUse, true);
  const std::optional<v1::UseToken> first = book.Take();
  const std::optional<v1::UseToken> second = book.Take();
  ASSERT_TRUE(first.has_value() && second.has_value());
  EXPECT_FALSE(book.IsDue());
  EXPECT_EQ(first->session_id(), "k7x2");
  EXPECT_EQ(first->grant_id(), "g1");
  EXPECT_EQ(first->expire_time().seconds(), 1'800'000'060);
  EXPECT_EQ(first->leadership(), 3u);
  book.Answer(second->sequence(), false);
  book.Answer(first->sequence(), true);
  book.Answer(first->sequence(), true);  // twice: nobody waits any more
  const auto answers = book.TakeAnswers();
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].first, 2);
  EXPECT_EQ(answers[0].second.ticket, 78u);
  EXPECT_EQ(answers[0].second.verdict, UseVerdict::kUsed);
  EXPECT_EQ(answers[1].first, 1);
  EXPECT_EQ(answers[1].second.verdict, UseVerdict::kFirst);
}

TEST(UseBook, LetsNobodyInWithoutALink) {
  UseBook book;
  book.Add(0, 1, kUse, false);
  book.Add(0, 2, kUse, true);
  const uint64_t sequence = book.Take()->sequence();
  book.Add(0, 3, kUse, true);
  book.LoseLink();
  const auto answers = book.TakeAnswers();
  ASSERT_EQ(answers.size(), 3u);
  for (const auto& [worker, answer] : answers) EXPECT_EQ(answer.verdict, UseVerdict::kUnknown);
  EXPECT_FALSE(book.IsDue());  // nothing of the old link is asked again on the next one
  book.Answer(sequence, true);
  EXPECT_TRUE(book.TakeAnswers().empty());
}

TEST(UseBook, IsBounded) {
  UseBook book;
  for (size_t i = 0; i <= kUsesMax; ++i) book.Add(0, i, kUse, true);
  EXPECT_EQ(book.TakeAnswers().size(), 1u);
}

}  // namespace
}  // namespace spawner::proxy
