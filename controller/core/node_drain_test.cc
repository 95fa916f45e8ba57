#include "controller/core/node_drain.h"

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace spawner::core {
namespace {

SessionView View(const std::string& id, const std::string& node,
                 SessionState state = SessionState::kReady) {
  SessionView view;
  view.ns = "apps";
  view.id = SessionId{id};
  view.epoch = {7};
  view.node = node;
  view.state = state;
  return view;
}

// Sessions in pages of one, and answers that the test gives, at once or later.
class NodeDrainTest : public testing::Test {
 protected:
  void Start() {
    drain_ = std::make_shared<NodeDrain>(
        NodeDrain::Sessions{.all = {.list = [this](const ListParams& p) { return List(p); },
                                    .later =
                                        [this](std::function<void()> turn) {
                                          if (!is_slow_) return turn();
                                          turns_.push_back(std::move(turn));
                                        }},
                            .terminate =
                                [this](TerminateParams params, Service::ViewDone done) {
                                  asked_.push_back(params);
                                  const auto found = answers_.find(params.id.value);
                                  if (found != answers_.end()) return done(found->second);
                                  open_.push_back(std::move(done));
                                }},
        "n1");
    drain_->Start([this](const absl::StatusOr<NodeDrainResult>& result) { result_ = result; });
  }
  absl::StatusOr<ListResult> List(const ListParams& params) {
    ++lists_;
    const size_t at = params.page_token.size();
    ListResult result;
    if (at < views_.size()) result.sessions.push_back(views_[at]);
    if (at + 1 < views_.size()) result.next_page_token = std::string(at + 1, 'x');
    return result;
  }

  std::vector<SessionView> views_;
  int lists_ = 0;
  bool is_slow_ = false;  // a turn is run by the test
  std::deque<std::function<void()>> turns_;
  std::map<std::string, absl::StatusOr<SessionView>> answers_;
  std::vector<TerminateParams> asked_;
  std::deque<Service::ViewDone> open_;
  std::shared_ptr<NodeDrain> drain_;
  std::optional<absl::StatusOr<NodeDrainResult>> result_;
};

const absl::Status kBusy =
    WithReason(absl::FailedPreconditionError("1 connections are open"), "NOT_IDLE");

TEST_F(NodeDrainTest, EndsWhatNobodyUsesOnThatNodeOnly) {
  views_ = {View("idle", "n1"), View("busy", "n1"), View("elsewhere", "n2"),
            View("ended", "n1", SessionState::kTerminated)};
  answers_ = {{"idle", views_[0]}, {"busy", kBusy}};
  Start();
  ASSERT_TRUE(result_.has_value() && result_->ok());
  EXPECT_EQ((*result_)->ended, 1);
  EXPECT_EQ((*result_)->waiting, 1);
  ASSERT_EQ(asked_.size(), 2u);
  EXPECT_TRUE(asked_[0].only_if_idle);
  EXPECT_FALSE(asked_[0].hard);
  EXPECT_EQ(asked_[0].epoch.value, 7u);
  EXPECT_EQ(asked_[0].reason, EndReason::kEvicted);
  EXPECT_EQ(asked_[0].message, "node n1 is being drained");
}

TEST_F(NodeDrainTest, AnEmptyNodeIsDoneAtOnce) {
  Start();
  ASSERT_TRUE(result_.has_value() && result_->ok());
  EXPECT_EQ((*result_)->ended + (*result_)->waiting, 0);
}

TEST_F(NodeDrainTest, SomeAtATimeAndWhatIsGoneMeanwhileDoesNotCount) {
  for (int i = 0; i < 100; ++i) views_.push_back(View(absl::StrCat("s", i), "n1"));
  Start();
  EXPECT_EQ(open_.size(), 32u);
  int answered = 0;
  while (!open_.empty()) {
    const Service::ViewDone done = std::move(open_.front());
    open_.pop_front();
    done(answered++ == 0 ? absl::StatusOr<SessionView>(absl::NotFoundError("gone")) : views_[0]);
  }
  ASSERT_TRUE(result_.has_value() && result_->ok());
  EXPECT_EQ((*result_)->ended, 99);
}

TEST_F(NodeDrainTest, AnEndThatIsRefusedIsTold) {
  views_ = {View("a", "n1"), View("b", "n1")};
  answers_ = {{"a", WithReason(absl::UnavailableError("no"), "KUBERNETES_UNREACHABLE")}};
  Start();
  ASSERT_TRUE(result_.has_value());
  EXPECT_EQ(ReasonOf(result_->status()), "KUBERNETES_UNREACHABLE");
  EXPECT_EQ(result_->status().message(), "drain node n1: no");
  EXPECT_EQ(asked_.size(), 1u) << "nothing further is begun";
}

TEST_F(NodeDrainTest, LooksAtOnePageATurn) {
  is_slow_ = true;
  for (int i = 0; i < 3; ++i) views_.push_back(View(absl::StrCat("s", i), "n1"));
  Start();
  for (int page = 1; page <= 3; ++page) {
    EXPECT_EQ(lists_, page);
    EXPECT_EQ(asked_.size(), page < 3 ? 0u : 3u);
    ASSERT_EQ(turns_.size(), page < 3 ? static_cast<size_t>(page) : 2u);
    if (page < 3) turns_.back()();
  }
}

TEST_F(NodeDrainTest, DroppedBetweenTwoTurnsItLooksNoFurther) {
  is_slow_ = true;
  views_ = {View("a", "n1"), View("b", "n1")};
  Start();
  drain_.reset();
  turns_.back()();
  EXPECT_EQ(lists_, 1);
  EXPECT_TRUE(asked_.empty());
}

TEST_F(NodeDrainTest, MayBeDroppedWhileAnEndIsOnItsWay) {
  views_ = {View("a", "n1")};
  Start();
  drain_.reset();
  open_.front()(views_[0]);
  EXPECT_FALSE(result_.has_value());
}

}  // namespace
}  // namespace spawner::core
