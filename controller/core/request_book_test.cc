#include "controller/core/request_book.h"

#include <string>
#include <vector>

#include "base/status.h"
#include "controller/core/limits.h"
#include "gtest/gtest.h"

namespace spawner::core {
namespace {

class RequestBookTest : public testing::Test {
 protected:
  static ConnectParams Request(const std::string& id, const std::string& hash) {
    ConnectParams params;
    params.ns = "a";
    params.request_id = id;
    params.payload_hash = hash;
    return params;
  }
  bool Enter(const std::string& id, const std::string& hash) {
    return book_.Enter(Request(id, hash), now_, [this](absl::StatusOr<ConnectResult> result) {
      answers_.push_back(result.ok() ? result->grant_id : ReasonOf(result.status()));
    });
  }
  void Answer(const std::string& id, const std::string& grant) {
    ConnectResult result;
    result.grant_id = grant;
    book_.Answer(Request(id, "h"), result);
  }

  Instant now_{1'000'000'000};
  RequestBook book_;
  std::vector<std::string> answers_;
};

TEST_F(RequestBookTest, GivesTheSameAnswerToRetriesBeforeAndAfterIt) {
  EXPECT_TRUE(Enter("r", "h"));
  EXPECT_FALSE(Enter("r", "h"));
  EXPECT_TRUE(answers_.empty());
  Answer("r", "g");
  EXPECT_FALSE(Enter("r", "h"));
  EXPECT_EQ(answers_, (std::vector<std::string>{"g", "g", "g"}));
}

TEST_F(RequestBookTest, RefusesAnotherPayload) {
  EXPECT_TRUE(Enter("r", "h"));
  EXPECT_FALSE(Enter("r", "other"));
  EXPECT_EQ(answers_, std::vector<std::string>{"REQUEST_ID_REUSED"});
}

TEST_F(RequestBookTest, ForgetsErrorsAtOnceAndAnswersInTime) {
  EXPECT_TRUE(Enter("r", "h"));
  book_.Answer(Request("r", "h"), WithReason(absl::UnavailableError("x"), "NO_LEADER"));
  EXPECT_TRUE(Enter("r", "h"));
  Answer("r", "g");
  now_ = now_ + kRequestMemory;
  EXPECT_TRUE(Enter("r", "other"));
  EXPECT_EQ(answers_, (std::vector<std::string>{"NO_LEADER", "g"}));
}

TEST_F(RequestBookTest, IsBounded) {
  for (size_t i = 0; i < kRequestsMax + 10; ++i) {
    const std::string id = std::to_string(i);
    ASSERT_TRUE(Enter(id, "h"));
    Answer(id, "g");
  }
  EXPECT_LE(book_.size(), kRequestsMax);
}

TEST_F(RequestBookTest, AnAnswerThatTookLongIsForgottenAsOthersAre) {
  EXPECT_TRUE(Enter("slow", "h"));
  for (size_t i = 0; i < kRequestsMax + 10; ++i) {
    const std::string id = std::to_string(i);
    ASSERT_TRUE(Enter(id, "h"));
    Answer(id, "g");
  }
  answers_.clear();
  EXPECT_FALSE(Enter("slow", "h")) << "it waits still";
  Answer("slow", "g");
  EXPECT_EQ(answers_, (std::vector<std::string>{"g", "g"}));
  now_ = now_ + kRequestMemory;
  EXPECT_TRUE(Enter("slow", "other"));
  EXPECT_EQ(book_.size(), 1u);
}

}  // namespace
}  // namespace spawner::core
