#include "proxy/link/link.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "proxy/link/limits.h"

namespace spawner::proxy {
namespace {

// Runs a Link by hand: what it dials, posts and writes is kept for the test to look at.
class LinkTest : public testing::Test {
 protected:
  static LinkOptions Options() {
    return {.controller = "controller:9090",
            .proxy_id = "p",
            .generation = 77,
            .pod_uid = "u-1",
            .pod_name = "proxy-0",
            .pod_namespace = "edge",
            .workers = 2};
  }
  void Turn() {
    LinkOutput out = link_.Step(clock_.Now());
    hang_ups_ += out.hang_up ? 1 : 0;
    finishes_ += out.finish ? 1 : 0;
    if (out.dial.has_value()) dialled_.push_back(*out.dial);
    for (RouteChange& change : out.changes) changes_.push_back(std::move(change));
    if (out.state.has_value()) state_ = out.state;
    for (const InspectAsked& asked : out.inspects) asked_.push_back(asked);
    if (out.drain.has_value()) drains_.push_back(*out.drain);
    uses_.insert(uses_.end(), out.uses.begin(), out.uses.end());
    wake_at_ = std::min(out.wake_at, link_.report_at());
    while (auto message = link_.NextMessage(clock_.Now())) written_.push_back(*std::move(message));
    wake_at_ = std::min(out.wake_at, link_.report_at());
  }
  void Advance(absl::Duration d) {
    const Instant end = clock_.Now() + d;
    while (wake_at_ <= end) {
      clock_.AdvanceTo(wake_at_);
      Turn();
    }
    clock_.AdvanceTo(end);
    Turn();
  }
  void Receive(const v1::ControllerMessage& message) {
    link_.OnMessage(link_.stream(), message, clock_.Now());
    Turn();
  }
  void Welcome(uint32_t leadership, absl::Time wall = absl::FromUnixSeconds(1'800'000'000)) {
    v1::ControllerMessage message;
    v1::Welcome& welcome = *message.mutable_welcome();
    welcome.set_leadership(leadership);
    welcome.mutable_now()->set_seconds(absl::ToUnixSeconds(wall));
    welcome.mutable_heartbeat_interval()->set_seconds(1);
    auto* key = welcome.add_keys();
    key->set_id("k1");
    key->set_public_key(std::string(32, 'x'));
    welcome.add_keys()->set_public_key("too short");
    Receive(message);
  }
  void Heartbeat(uint64_t sequence) {
    v1::ControllerMessage message;
    message.mutable_heartbeat()->set_sequence(sequence);
    Receive(message);
  }
  void NotLeader(std::string address, uint32_t leadership) {
    v1::ControllerMessage message;
    message.mutable_not_leader()->set_leader_address(std::move(address));
    message.mutable_not_leader()->set_leadership(leadership);
    Receive(message);
  }
  void Routes(uint64_t version, bool is_table, std::string id, v1::RouteState state = v1::HOLD) {
    v1::ControllerMessage message;
    v1::Routes& routes = *message.mutable_routes();
    routes.set_version(version);
    routes.set_snapshot(is_table);
    routes.set_last(true);
    auto* route = routes.add_routes();
    route->set_session_id(std::move(id));
    route->set_epoch(5);
    route->set_state(state);
    Receive(message);
  }
  void Close() {
    link_.OnClosed(link_.stream(), absl::UnavailableError("reset"), clock_.Now());
    Turn();
  }
  void BringUp() {
    Turn();
    Welcome(3);
    Routes(10, true, "a");
    AppliedByAll({3, 10});
    written_.clear();
  }
  void AppliedByAll(RouteVersion version, std::vector<GateCount> gates = {}) {
    link_.OnApplied(0, version, gates);
    link_.OnApplied(1, version, gates);
    Turn();
  }
  void Usage(int worker, int64_t open, uint64_t bytes = 0) {
    link_.OnUsage(worker, {{.session_id = "a",
                            .epoch = 5,
                            .open = open,
                            .bytes_total = bytes,
                            .last_active = clock_.Now()}});
    Turn();
  }

  FakeClock clock_;
  SeededRandom random_{1};
  Link link_{Options(), random_};
  Instant wake_at_ = Instant::Infinite();
  int hang_ups_ = 0;
  int finishes_ = 0;
  std::vector<std::string> dialled_;
  std::vector<RouteChange> changes_;
  std::optional<LinkState> state_;
  std::vector<UseBook::Answered> uses_;
  std::vector<v1::ProxyMessage> written_;
  std::vector<InspectAsked> asked_;
  std::vector<absl::Duration> drains_;
};

TEST_F(LinkTest, BeginsWithHelloAndSaysNothingElseBeforeWelcome) {
  Usage(0, 1);
  EXPECT_EQ(dialled_, std::vector<std::string>{"controller:9090"});
  Usage(1, 1);
  ASSERT_EQ(written_.size(), 1u);
  const v1::Hello& hello = written_[0].hello();
  EXPECT_EQ(hello.proxy_id(), "p");
  EXPECT_EQ(hello.generation(), 77u);
  EXPECT_EQ(hello.pod_uid(), "u-1");
  EXPECT_EQ(hello.pod_name(), "proxy-0");
  EXPECT_EQ(hello.pod_namespace(), "edge");
  EXPECT_EQ(hello.leadership(), 0u);
  EXPECT_TRUE(hello.usage().complete());
  EXPECT_EQ(hello.usage().sessions_size(), 1);
  EXPECT_FALSE(link_.is_up());
  Welcome(3);
  EXPECT_TRUE(link_.is_up());
  ASSERT_TRUE(state_.has_value());
  EXPECT_TRUE(state_->is_up);
  EXPECT_FALSE(state_->has_routes);
  EXPECT_EQ(state_->keys.size(), 1u);
}

TEST_F(LinkTest, AcknowledgesAVersionWhenBothWorkersHaveAppliedIt) {
  Turn();
  Welcome(3);
  written_.clear();
  Routes(10, true, "a");
  ASSERT_EQ(changes_.size(), 1u);
  EXPECT_TRUE(state_->has_routes);
  link_.OnApplied(0, {3, 10}, {});
  Turn();
  EXPECT_TRUE(written_.empty());
  link_.OnApplied(1, {3, 10}, {});
  Turn();
  ASSERT_EQ(written_.size(), 1u);
  EXPECT_EQ(written_[0].ack().version(), 10u);
  EXPECT_EQ(written_[0].ack().leadership(), 3u);
}

TEST_F(LinkTest, TakesNewKeysOverWhileTheLinkIsUp) {
  BringUp();
  changes_.clear();
  v1::ControllerMessage message;
  for (const char* id : {"k1", "k2"}) {
    auto* key = message.mutable_keys()->add_keys();
    key->set_id(id);
    key->set_public_key(std::string(32, 'y'));
    key->set_renewal_secret("s");
  }
  state_.reset();
  Receive(message);
  ASSERT_TRUE(state_.has_value());
  ASSERT_EQ(state_->keys.size(), 2u);
  EXPECT_EQ(state_->keys[1].id, "k2");
  EXPECT_TRUE(state_->is_up);
  EXPECT_EQ(hang_ups_, 0);
}

TEST_F(LinkTest, AsksOfOneTimeTokensAndLetsNobodyInWithoutAnAnswer) {
  BringUp();
  const TokenUse use = {.session_id = "a", .grant_id = "g", .leadership = 3};
  link_.OnTokenUse(1, 5, use);
  Turn();
  ASSERT_EQ(written_.size(), 1u);
  EXPECT_EQ(written_[0].use_token().grant_id(), "g");
  v1::ControllerMessage answer;
  answer.mutable_use_token()->set_sequence(written_[0].use_token().sequence());
  answer.mutable_use_token()->set_is_first_use(true);
  Receive(answer);
  ASSERT_EQ(uses_.size(), 1u);
  EXPECT_EQ(uses_[0].first, 1);
  EXPECT_EQ(uses_[0].second.ticket, 5u);
  EXPECT_EQ(uses_[0].second.verdict, UseVerdict::kFirst);
  link_.OnTokenUse(0, 6, use);
  Turn();
  Close();
  link_.OnTokenUse(0, 7, use);
  Turn();
  ASSERT_EQ(uses_.size(), 3u);
  EXPECT_EQ(uses_[1].second.ticket, 6u);
  EXPECT_EQ(uses_[1].second.verdict, UseVerdict::kUnknown);
  EXPECT_EQ(uses_[2].second.verdict, UseVerdict::kUnknown);
}

TEST_F(LinkTest, EchoesTheNewestHeartbeat) {
  BringUp();
  Heartbeat(41);
  ASSERT_EQ(written_.size(), 1u);
  EXPECT_EQ(written_[0].heartbeat().sequence(), 41u);
}

TEST_F(LinkTest, DetectsASilentLinkWithinThreeSecondsAndServesOn) {
  BringUp();
  const Instant last = clock_.Now();
  changes_.clear();
  Advance(absl::Seconds(3));
  EXPECT_GE(dialled_.size(), 2u);
  EXPECT_EQ(hang_ups_, 1);
  EXPECT_FALSE(state_->is_up);
  EXPECT_TRUE(state_->has_routes);
  EXPECT_TRUE(changes_.empty());
  EXPECT_LE(clock_.Now() - last, absl::Seconds(3));
}

TEST_F(LinkTest, IsUnreadyOnlyWhenTheLinkIsDownForLongerThanAChangeOfLeaders) {
  EXPECT_FALSE(link_.is_ready(clock_.Now())) << "no routes yet";
  BringUp();
  EXPECT_TRUE(link_.is_ready(clock_.Now()));
  Advance(kSilenceMin + kUnreadyAfter - absl::Seconds(1));
  EXPECT_FALSE(link_.is_up());
  EXPECT_TRUE(link_.is_ready(clock_.Now()));
  Advance(absl::Seconds(1));
  EXPECT_FALSE(link_.is_ready(clock_.Now()));
  EXPECT_TRUE(link_.has_routes());
  Advance(absl::Minutes(1));  // refused dials do not make it ready again
  EXPECT_FALSE(link_.is_ready(clock_.Now()));
  const size_t dials = dialled_.size();
  while (dialled_.size() == dials) Advance(absl::Milliseconds(10));
  Welcome(3);
  EXPECT_TRUE(link_.is_ready(clock_.Now()));
}

TEST_F(LinkTest, HeartbeatsKeepItUp) {
  BringUp();
  for (uint64_t i = 0; i < 20; ++i) {
    Advance(absl::Seconds(1));
    Heartbeat(i);
  }
  EXPECT_EQ(dialled_.size(), 1u);
  EXPECT_TRUE(link_.is_up());
}

TEST_F(LinkTest, ResumesFromItsVersionAndRepeatsItsAck) {
  BringUp();
  Close();
  Advance(kBackoffMin);
  ASSERT_EQ(dialled_.size(), 2u);
  EXPECT_EQ(written_.back().hello().leadership(), 3u);
  EXPECT_EQ(written_.back().hello().route_version(), 10u);
  Welcome(3);
  EXPECT_EQ(written_.back().ack().version(), 10u);
}

TEST_F(LinkTest, BacksOffUpToTwoSecondsAndAtLeastHalfOfEachStep) {
  Turn();
  std::vector<absl::Duration> pauses;
  for (int i = 0; i < 10; ++i) {
    const Instant lost = clock_.Now();
    Close();
    const size_t dials = dialled_.size();
    while (dialled_.size() == dials) Advance(absl::Milliseconds(1));
    pauses.push_back(clock_.Now() - lost);
  }
  EXPECT_GE(pauses[0], kBackoffMin / 2);
  EXPECT_LE(pauses[0], kBackoffMin + absl::Milliseconds(1));
  EXPECT_GE(pauses[3], 4 * kBackoffMin);
  EXPECT_GE(pauses[9], kBackoffMax / 2);
  EXPECT_LE(pauses[9], kBackoffMax + absl::Milliseconds(1));
}

TEST_F(LinkTest, AWelcomeThatNeverComesIsGivenUp) {
  Turn();
  Advance(kWelcomeMax);
  EXPECT_EQ(hang_ups_, 1);
}

TEST_F(LinkTest, FollowsTheStandbyToItsLeaderAtOnceAndFallsBack) {
  Turn();
  NotLeader("10.0.0.7:9090", 3);
  ASSERT_EQ(dialled_.size(), 2u);
  EXPECT_EQ(dialled_[1], "10.0.0.7:9090");
  EXPECT_EQ(hang_ups_, 1);
  Close();
  Advance(kBackoffMax);
  EXPECT_EQ(dialled_.back(), "controller:9090");
}

TEST_F(LinkTest, DoesNotSpinBetweenTwoThatNameEachOther) {
  Turn();
  for (int i = 0; i < kRedirectsMax; ++i) NotLeader("10.0.0.7:9090", 3);
  EXPECT_EQ(dialled_.size(), 1u + kRedirectsMax);
  NotLeader("10.0.0.7:9090", 3);
  EXPECT_EQ(dialled_.size(), 1u + kRedirectsMax);
  Advance(kBackoffMax);
  EXPECT_EQ(dialled_.back(), "controller:9090");
}

TEST_F(LinkTest, DoesNotFollowNamesOrOldLeaders) {
  BringUp();
  NotLeader("10.0.0.7:9090", 2);
  NotLeader("unix:/tmp/socket", 9);
  Advance(kBackoffMax);
  for (const std::string& address : dialled_) EXPECT_EQ(address, "controller:9090");
}

TEST_F(LinkTest, DoesNotFollowALowerLeadership) {
  BringUp();
  Close();
  Advance(kBackoffMin);
  Welcome(2);
  EXPECT_FALSE(link_.is_up());
  EXPECT_EQ(hang_ups_, 1);
  Advance(kBackoffMax);
  EXPECT_EQ(written_.back().hello().leadership(), 3u);
  Welcome(4);
  EXPECT_TRUE(link_.is_up());
}

TEST_F(LinkTest, AHigherLeaderBeginsWithATable) {
  BringUp();
  Close();
  Advance(kBackoffMin);
  Welcome(4);
  Routes(1, false, "b");
  EXPECT_FALSE(link_.is_up());
  Advance(kBackoffMax);
  EXPECT_EQ(written_.back().hello().route_version(), 0u);
  Welcome(4);
  Routes(2, true, "b");
  EXPECT_TRUE(link_.is_up());
  EXPECT_EQ(link_.version(), (RouteVersion{4, 2}));
}

TEST_F(LinkTest, IgnoresEventsOfAnOlderStream) {
  Turn();
  const uint64_t old = link_.stream();
  Close();
  Advance(kBackoffMin);
  v1::ControllerMessage welcome;
  welcome.mutable_welcome()->set_leadership(9);
  link_.OnMessage(old, welcome, clock_.Now());
  link_.OnClosed(old, absl::OkStatus(), clock_.Now());
  Turn();
  EXPECT_FALSE(link_.is_up());
  Welcome(3);
  EXPECT_TRUE(link_.is_up());
}

TEST_F(LinkTest, ReportsAtOnceWhenOpenLeavesOrReachesZeroElseOnceASecond) {
  BringUp();
  Usage(0, 1);
  ASSERT_EQ(written_.size(), 1u);
  EXPECT_EQ(written_[0].usage().sessions(0).open(), 1);
  EXPECT_FALSE(written_[0].usage().complete());
  Advance(absl::Milliseconds(100));
  Heartbeat(1);
  Advance(absl::Milliseconds(1900));
  Heartbeat(2);
  written_.clear();
  Usage(0, 2, 10);
  EXPECT_EQ(written_.size(), 1u);  // more than a second after the last one
  Usage(1, 3, 20);
  EXPECT_EQ(written_.size(), 1u);
  Usage(1, 4, 30);
  EXPECT_EQ(written_.size(), 1u);
  Advance(absl::Seconds(1));
  ASSERT_EQ(written_.size(), 2u);
  EXPECT_EQ(written_[1].usage().sessions(0).open(), 6);
  Usage(0, 0);
  EXPECT_EQ(written_.size(), 2u);
  Usage(1, 0);
  ASSERT_EQ(written_.size(), 3u);
  EXPECT_EQ(written_[2].usage().sessions(0).open(), 0);
}

TEST_F(LinkTest, AsksForUnknownIdsOnceAndPassesTheAnswerOn) {
  BringUp();
  link_.OnUnknown("x", clock_.Now());
  link_.OnUnknown("x", clock_.Now());
  Turn();
  ASSERT_EQ(written_.size(), 1u);
  EXPECT_EQ(written_[0].query().session_id(), "x");
  changes_.clear();
  v1::ControllerMessage answer;
  answer.mutable_unknown()->set_session_id("x");
  Receive(answer);
  ASSERT_EQ(changes_.size(), 1u);
  EXPECT_EQ(changes_[0].unknown, std::vector<std::string>{"x"});
  EXPECT_EQ(changes_[0].version, RouteVersion{});
}

// The controller's time, whatever the local wall clock says: it is never asked.
TEST_F(LinkTest, LearnsTheControllersTime) {
  Turn();
  const absl::Time start = absl::FromUnixSeconds(1'600'000'000);
  const Instant at = clock_.Now();
  Welcome(3, start);
  EXPECT_EQ(state_->time.Now(at), start);
  EXPECT_EQ(state_->time.Now(at + absl::Hours(1)), start + absl::Hours(1));
  const auto beat = [this](absl::Time wall) {
    v1::ControllerMessage message;
    message.mutable_heartbeat()->mutable_now()->set_seconds(absl::ToUnixSeconds(wall));
    Receive(message);
  };
  Advance(absl::Seconds(2));
  beat(start + absl::Seconds(1));  // a second late: on its way
  EXPECT_EQ(state_->time.Now(at), start);
  beat(start + absl::Seconds(5));  // ahead: the Welcome had been late
  EXPECT_EQ(state_->time.Now(clock_.Now()), start + absl::Seconds(5));
  beat(start - absl::Hours(1));  // set back
  EXPECT_EQ(state_->time.Now(clock_.Now()), start - absl::Hours(1));
}

TEST_F(LinkTest, LeavesReportsOnAndEndsTheStreamWhenDrained) {
  BringUp();
  Usage(0, 1);
  written_.clear();
  link_.Leave();
  Turn();
  ASSERT_EQ(written_.size(), 1u);
  EXPECT_TRUE(written_[0].has_leaving());
  Usage(0, 0);
  EXPECT_EQ(written_.size(), 2u);
  EXPECT_EQ(finishes_, 0);
  link_.Drained(clock_.Now());
  Turn();
  Turn();
  EXPECT_EQ(finishes_, 1);
  EXPECT_FALSE(link_.is_finished());
  Close();
  EXPECT_TRUE(link_.is_finished());
}

TEST_F(LinkTest, AnswersWhatIsOpenOnTheLinkThatAskedOnly) {
  BringUp();
  v1::ControllerMessage question;
  question.mutable_inspect()->set_sequence(9);
  question.mutable_inspect()->set_session_id("a");
  question.mutable_inspect()->set_connections_max(20);
  Receive(question);
  ASSERT_EQ(asked_.size(), 1u);
  EXPECT_EQ(asked_[0].session_id, "a");
  EXPECT_EQ(asked_[0].connections_max, 20u);
  v1::Inspected answer;
  answer.set_sequence(asked_[0].sequence);
  answer.add_connections()->set_bytes(5);
  link_.OnInspected(asked_[0].stream, answer);
  Turn();
  ASSERT_EQ(written_.size(), 1u);
  EXPECT_EQ(written_[0].inspected().sequence(), 9u);
  EXPECT_EQ(written_[0].inspected().connections(0).bytes(), 5u);

  Receive(question);
  Close();
  Advance(absl::Seconds(1));
  Welcome(4);
  written_.clear();
  link_.OnInspected(asked_[1].stream, answer);  // of the link before
  Turn();
  for (const v1::ProxyMessage& message : written_) EXPECT_FALSE(message.has_inspected());
}

TEST_F(LinkTest, KeepsNoMoreQuestionsThanItMayAndNoUnboundedOne) {
  BringUp();
  v1::ControllerMessage question;
  question.mutable_inspect()->set_connections_max(1'000'000);
  for (size_t i = 0; i < kInspectsMax + 5; ++i) {
    link_.OnMessage(link_.stream(), question, clock_.Now());
  }
  Turn();
  EXPECT_EQ(asked_.size(), kInspectsMax);
  EXPECT_EQ(asked_[0].connections_max, static_cast<size_t>(kInspectedConnectionsMax));
}

TEST_F(LinkTest, LeavesWhenItIsTold) {
  BringUp();
  v1::ControllerMessage message;
  message.mutable_drain();
  Receive(message);
  message.mutable_drain()->mutable_deadline()->set_seconds(7);
  Receive(message);
  message.mutable_drain()->mutable_deadline()->set_seconds(-7);
  Receive(message);
  EXPECT_EQ(drains_, (std::vector<absl::Duration>{absl::InfiniteDuration(), absl::Seconds(7),
                                                  absl::ZeroDuration()}));
}

TEST_F(LinkTest, DoesNotWaitForeverToSayGoodbye) {
  Turn();
  link_.Drained(clock_.Now());
  Turn();
  EXPECT_FALSE(link_.is_finished());
  Advance(kLastReportMax);
  EXPECT_TRUE(link_.is_finished());
  EXPECT_EQ(wake_at_, Instant::Infinite());
}

TEST_F(LinkTest, StopsReadingWhileWorkersAreBehind) {
  BringUp();
  for (uint64_t i = 0; i < kUnappliedMax; ++i) {
    EXPECT_TRUE(link_.WantsMore());
    Routes(11 + i, false, "a");
  }
  EXPECT_FALSE(link_.WantsMore());
  AppliedByAll({3, 11});
  EXPECT_TRUE(link_.WantsMore());
}

}  // namespace
}  // namespace spawner::proxy
