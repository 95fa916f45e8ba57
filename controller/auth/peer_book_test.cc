#include "controller/auth/peer_book.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/auth/limits.h"

namespace spawner::auth {
namespace {

TEST(PeerBook, RefusalsAreCountedAndHealWithTime) {
  PeerBook book;
  Instant now{1'000'000'000};
  for (int i = 0; i < kRefusalsAtOnce; ++i) {
    ASSERT_TRUE(book.Begin("a", now).ok()) << i;
    book.End("a", /*was_refused=*/true, now);
  }
  const absl::Status refused = book.Begin("a", now);
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(refused), "RATE_LIMITED");
  EXPECT_TRUE(book.Begin("b", now).ok()) << "another address";
  now = now + *RetryAfterOf(refused);
  EXPECT_TRUE(book.Begin("a", now).ok()) << "the wait that it was told is true";
}

TEST(PeerBook, GoodAnswersCostNothing) {
  PeerBook book;
  const Instant now{1};
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(book.Begin("a", now).ok());
    book.End("a", /*was_refused=*/false, now);
  }
}

TEST(PeerBook, SoManyAtOneTime) {
  PeerBook book;
  const Instant now{1};
  for (size_t i = 0; i < kReviewsPerPeerMax; ++i) ASSERT_TRUE(book.Begin("a", now).ok());
  EXPECT_EQ(ReasonOf(book.Begin("a", now)), "RATE_LIMITED");
  book.End("a", false, now);
  EXPECT_TRUE(book.Begin("a", now).ok());
}

TEST(PeerBook, ForgetsAddressesThatRest) {
  PeerBook book;
  Instant now{1'000'000'000};
  for (size_t i = 0; i < kPeersMax; ++i) {
    ASSERT_TRUE(book.Begin(absl::StrCat(i), now).ok());
    book.End(absl::StrCat(i), /*was_refused=*/i % 2 == 0, now);
  }
  EXPECT_TRUE(book.Begin("one more", now).ok());
  EXPECT_EQ(book.size(), kPeersMax / 2 + 1);
}

TEST(PeerBook, WithNobodyAtRestANewAddressIsRefused) {
  PeerBook book;
  const Instant now{1};
  for (size_t i = 0; i < kPeersMax; ++i) ASSERT_TRUE(book.Begin(absl::StrCat(i), now).ok());
  EXPECT_EQ(ReasonOf(book.Begin("one more", now)), "RATE_LIMITED");
}

TEST(PeerOf, IsTheAddressWithoutItsPort) {
  EXPECT_EQ(PeerOf("10.0.0.7:5123"), "10.0.0.7");
  EXPECT_EQ(PeerOf("[2001:db8:0:1:aaaa::1]:5123"), "2001:db8:0:1::/64");
  EXPECT_EQ(PeerOf("[::ffff:10.0.0.7]:1"), "10.0.0.7");
  EXPECT_EQ(PeerOf("inproc"), "inproc");
  EXPECT_EQ(PeerOf(""), "");
}

}  // namespace
}  // namespace spawner::auth
