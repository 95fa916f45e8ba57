#include "controller/route/proxy_registry.h"

#include <string>

#include "controller/route/limits.h"
#include "controller/route/roster.h"
#include "gtest/gtest.h"

namespace spawner::route {
namespace {

constexpr absl::Duration kHold = absl::Minutes(10);
const SessionId kSession{"s"};

class ProxyRegistryTest : public testing::Test {
 protected:
  ProxyRegistryTest() { registry_.BeginTerm(7); }

  static Usage Open(int64_t open, uint64_t opened_total = 1) {
    Usage usage;
    usage.sessions.push_back(
        {.session = kSession, .epoch = {1}, .open = open, .opened_total = opened_total});
    return usage;
  }

  absl::Status Hello(uint64_t link, const std::string& id, uint64_t generation, Usage usage = {}) {
    replaced_ = 0;
    route::Hello hello;
    hello.proxy_id = id;
    hello.generation = generation;
    hello.pod_uid = id + "-uid";
    hello.usage = std::move(usage);
    const absl::Status status = registry_.OnHello(link, hello, now_, replaced_);
    if (status.ok()) registry_.OnRoutesSent(link, 5);
    return status;
  }
  absl::Status Ack(uint64_t link, uint64_t version, std::vector<GateCount> gates = {}) {
    return registry_.OnAck(link, {7, version, std::move(gates)}, now_);
  }
  static GateCount Gate(uint64_t version, int64_t open, int64_t waiting, uint64_t epoch = 1) {
    return {kSession, {epoch}, version, open, waiting};
  }

  Instant now_{1'000'000'000'000};
  ProxyRegistry registry_{kHold};
  uint64_t replaced_ = 0;
};

TEST_F(ProxyRegistryTest, SumsAbsoluteTotalsOverProxies) {
  ASSERT_TRUE(Hello(1, "a", 1, Open(2)).ok());
  ASSERT_TRUE(Hello(2, "b", 1).ok());
  ASSERT_TRUE(registry_.OnUsage(2, Open(1, 4), now_).ok());
  ASSERT_TRUE(registry_.OnUsage(2, Open(1, 4), now_).ok());  // a repetition does no harm
  const auto sum = registry_.SumUsage(kSession, {1}, 0);
  EXPECT_EQ(sum.open, 3);
  EXPECT_EQ(sum.opened_total, 5u);
  EXPECT_TRUE(sum.is_known);
  Usage complete;
  complete.is_complete = true;
  ASSERT_TRUE(registry_.OnUsage(1, complete, now_).ok());
  EXPECT_EQ(registry_.SumUsage(kSession, {1}, 0).open, 1);
}

TEST_F(ProxyRegistryTest, TellsOfUseThatCameAndWentBetweenReports) {
  ASSERT_TRUE(Hello(1, "a", 1, Open(0, 3)).ok());
  EXPECT_EQ(registry_.TakeChanges().used.size(), 1u);
  ASSERT_TRUE(registry_.OnUsage(1, Open(0, 3), now_).ok());
  EXPECT_TRUE(registry_.TakeChanges().used.empty());
  Usage next = Open(0, 1);
  next.sessions[0].epoch = {2};  // totals of another epoch begin anew
  ASSERT_TRUE(registry_.OnUsage(1, next, now_).ok());
  EXPECT_EQ(registry_.TakeChanges().used.size(), 1u);
}

TEST_F(ProxyRegistryTest, WhatWasOpenedBelongsToItsEpoch) {
  ASSERT_TRUE(Hello(1, "a", 1, Open(1, 3)).ok());
  EXPECT_EQ(registry_.SumUsage(kSession, {1}, 0).opened_total, 3u);
  EXPECT_EQ(registry_.SumUsage(kSession, {2}, 0).opened_total, 0u);
  EXPECT_EQ(registry_.SumUsage(kSession, {2}, 0).open, 1);
}

TEST_F(ProxyRegistryTest, ACompleteReportReplacesAllThatWasKnown) {
  ASSERT_TRUE(Hello(1, "a", 1, Open(1, 3)).ok());
  registry_.TakeChanges();
  ASSERT_TRUE(Hello(2, "a", 1, Open(0, 3)).ok());
  EXPECT_EQ(registry_.SumUsage(kSession, {1}, 0).opened_total, 3u);
  auto changes = registry_.TakeChanges();
  EXPECT_TRUE(changes.used.empty()) << "nothing was opened in between";
  EXPECT_FALSE(changes.sessions.empty());
  ASSERT_TRUE(Hello(3, "a", 1).ok());
  EXPECT_EQ(registry_.SumUsage(kSession, {1}, 0).opened_total, 0u);
}

TEST_F(ProxyRegistryTest, AClosedLinkIsNoProofOfDeath) {
  ASSERT_TRUE(Hello(1, "a", 1, Open(2)).ok());
  registry_.OnLinkClosed(1, now_);
  const auto sum = registry_.SumUsage(kSession, {1}, 0);
  EXPECT_EQ(sum.open, 2);
  EXPECT_FALSE(sum.is_known);
  EXPECT_EQ(sum.known_at, now_ + kHold);
  EXPECT_TRUE(registry_.IsAcked(5));
}

TEST_F(ProxyRegistryTest, ALostProxyDoesNotConcernSessionsItNeverHeardOf) {
  ASSERT_TRUE(Hello(1, "a", 1).ok());
  registry_.OnLinkClosed(1, now_);
  EXPECT_FALSE(registry_.SumUsage(kSession, {1}, 5).is_known);
  EXPECT_TRUE(registry_.SumUsage(kSession, {1}, 6).is_known);
}

TEST_F(ProxyRegistryTest, AReturningProxyBringsItsTotals) {
  ASSERT_TRUE(Hello(1, "a", 1, Open(2)).ok());
  registry_.OnLinkClosed(1, now_);
  registry_.TakeChanges();
  ASSERT_TRUE(Hello(2, "a", 1, Open(1, 3)).ok());
  const auto sum = registry_.SumUsage(kSession, {1}, 0);
  EXPECT_EQ(sum.open, 1);
  EXPECT_TRUE(sum.is_known);
  const auto changes = registry_.TakeChanges();
  ASSERT_EQ(changes.accounted.size(), 1u);
  EXPECT_EQ(changes.accounted[0].up_to, 5u);
  EXPECT_FALSE(changes.is_roster_changed);
}

TEST_F(ProxyRegistryTest, ANewerProcessThatReportsProvesALostOneDead) {
  ASSERT_TRUE(Hello(1, "a", 1, Open(2)).ok());
  registry_.OnLinkClosed(1, now_);
  ASSERT_TRUE(Hello(2, "a", 2).ok());
  EXPECT_TRUE(registry_.SumUsage(kSession, {1}, 0).is_known);
  EXPECT_EQ(registry_.SumUsage(kSession, {1}, 0).open, 0);
  ASSERT_EQ(registry_.Roster().size(), 1u);
  EXPECT_EQ(registry_.Roster()[0].generation, 2u);
}

TEST_F(ProxyRegistryTest, AnOlderProcessThatStillReportsIsCounted) {
  ASSERT_TRUE(Hello(1, "a", 1, Open(2)).ok());
  ASSERT_TRUE(Hello(2, "a", 2, Open(1)).ok());
  EXPECT_EQ(registry_.SumUsage(kSession, {1}, 0).open, 3);
  registry_.OnLinkClosed(1, now_);
  EXPECT_EQ(registry_.SumUsage(kSession, {1}, 0).open, 1);
  EXPECT_TRUE(registry_.SumUsage(kSession, {1}, 0).is_known);
}

TEST_F(ProxyRegistryTest, ALostProxyWhosePodIsGoneIsDead) {
  ASSERT_TRUE(Hello(1, "a", 1, Open(2)).ok());
  registry_.OnPodGone("a-uid", now_);  // it reports: it lives
  EXPECT_EQ(registry_.SumUsage(kSession, {1}, 0).open, 2);
  registry_.OnLinkClosed(1, now_);
  registry_.OnPodGone("a-uid", now_);
  EXPECT_TRUE(registry_.SumUsage(kSession, {1}, 0).is_known);
  EXPECT_TRUE(registry_.Roster().empty());
}

TEST_F(ProxyRegistryTest, ALostProxyIsGivenUpAfterTheHoldAndNamed) {
  ASSERT_TRUE(Hello(1, "a", 1, Open(2)).ok());
  registry_.OnLinkClosed(1, now_);
  EXPECT_EQ(registry_.NextExpiry(), now_ + kHold);
  now_ = now_ + kHold;
  registry_.Expire(now_);
  const auto sum = registry_.SumUsage(kSession, {1}, 0);
  EXPECT_TRUE(sum.is_known);
  EXPECT_EQ(sum.open, 0);
  EXPECT_EQ(sum.given_up, "a");
  EXPECT_EQ(registry_.SumUsage(kSession, {1}, 6).given_up, "");
  EXPECT_EQ(registry_.Roster().size(), 1u);
  now_ = now_ + kGivenUpMemory;
  registry_.Expire(now_);
  EXPECT_TRUE(registry_.Roster().empty());
  EXPECT_EQ(registry_.NextExpiry(), Instant::Infinite());
}

TEST_F(ProxyRegistryTest, AProxyThatLeftWithNothingOpenIsNotLost) {
  ASSERT_TRUE(Hello(1, "a", 1).ok());
  registry_.OnLeaving(1, now_);
  registry_.OnLinkClosed(1, now_);
  EXPECT_TRUE(registry_.SumUsage(kSession, {1}, 0).is_known);
  ASSERT_TRUE(Hello(2, "b", 1, Open(1)).ok());
  registry_.OnLeaving(2, now_);
  registry_.OnLinkClosed(2, now_);
  EXPECT_FALSE(registry_.SumUsage(kSession, {1}, 0).is_known);
}

TEST_F(ProxyRegistryTest, AProxyOfTheRosterIsUnknownUntilItReports) {
  registry_.LoadRoster({{"a", 1, "u", "p", "n"}}, now_);
  EXPECT_FALSE(registry_.SumUsage(kSession, {1}, 0).is_known);
  EXPECT_TRUE(registry_.SumUsage(kSession, {1}, 1).is_known);  // this term's session
  ASSERT_TRUE(Hello(1, "a", 1).ok());
  EXPECT_TRUE(registry_.SumUsage(kSession, {1}, 0).is_known);
}

TEST_F(ProxyRegistryTest, AGateIsCountedWhenEveryConnectedProxyHasAnswered) {
  ASSERT_TRUE(Hello(1, "a", 1).ok());
  ASSERT_TRUE(Hello(2, "b", 1).ok());
  ASSERT_TRUE(Ack(1, 4, {Gate(4, 0, 1)}).ok());
  EXPECT_FALSE(registry_.SumGate(kSession, {1}, 4).is_counted);
  ASSERT_TRUE(Ack(2, 5, {Gate(5, 2, 0)}).ok());  // learned of it a version later
  const auto sum = registry_.SumGate(kSession, {1}, 4);
  EXPECT_TRUE(sum.is_counted);
  EXPECT_EQ(sum.open, 2);
  EXPECT_EQ(sum.waiting, 1);
}

TEST_F(ProxyRegistryTest, CountsOfAnotherGateOrEpochDoNotCount) {
  ASSERT_TRUE(Hello(1, "a", 1).ok());
  ASSERT_TRUE(Ack(1, 5, {Gate(3, 0, 0)}).ok());
  EXPECT_FALSE(registry_.SumGate(kSession, {1}, 4).is_counted);
  ASSERT_TRUE(Ack(1, 5, {Gate(5, 0, 0, 2)}).ok());
  EXPECT_FALSE(registry_.SumGate(kSession, {1}, 4).is_counted);
  EXPECT_FALSE(registry_.SumGate({"other"}, {1}, 4).is_counted);
  EXPECT_EQ(registry_.OnAck(1, {6, 5, {Gate(5, 0, 0)}}, now_), absl::OkStatus());
  EXPECT_FALSE(registry_.SumGate(kSession, {1}, 4).is_counted) << "an ack of a former term";
}

TEST_F(ProxyRegistryTest, TheSameProcessReplacesItsOwnLink) {
  ASSERT_TRUE(Hello(1, "a", 1).ok());
  ASSERT_TRUE(Hello(2, "a", 1).ok());
  EXPECT_EQ(replaced_, 1u);
  registry_.OnLinkClosed(1, now_);  // the old link's end concerns nobody
  EXPECT_TRUE(registry_.SumUsage(kSession, {1}, 0).is_known);
}

TEST_F(ProxyRegistryTest, RefusesWhatNoProxyMaySay) {
  EXPECT_FALSE(Hello(1, "", 1).ok());
  EXPECT_FALSE(Hello(1, std::string(129, 'a'), 1).ok());
  EXPECT_FALSE(Hello(1, "a", 0).ok());
  ASSERT_TRUE(Hello(1, "a", 1).ok());
  EXPECT_EQ(Ack(1, 6).message(), "ack of version 6, but 5 is the newest that was sent");
  EXPECT_FALSE(Ack(1, 5, {Gate(5, -1, 0)}).ok());
  EXPECT_FALSE(registry_.OnUsage(1, Open(-1), now_).ok());
  for (size_t i = 1; i < kProxiesMax; ++i) {
    ASSERT_TRUE(Hello(i + 1, "p" + std::to_string(i), 1).ok());
  }
  EXPECT_EQ(Hello(1000, "more", 1).code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(ProxyRegistryTest, NamesSilentLinks) {
  ASSERT_TRUE(Hello(1, "a", 1).ok());
  ASSERT_TRUE(Hello(2, "b", 1).ok());
  now_ = now_ + kSilenceMax;
  registry_.OnHeartbeat(2, now_);
  EXPECT_EQ(registry_.SilentLinks(now_), std::vector<uint64_t>{1});
}

TEST(Roster, SurvivesEncodingAndRefusesWhatIsNone) {
  const std::vector<RosterEntry> entries = {{"a", UINT64_MAX, "u", "p", "n"}, {"b", 1, "", "", ""}};
  const auto decoded = DecodeRoster(EncodeRoster(entries));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, entries);
  EXPECT_TRUE(DecodeRoster("")->empty());
  for (const char* text : {"x", "[]x", "3", R"({"proxies":[{}]})", R"({"proxies":[{"id":"a"}]})",
                           R"({"proxies":[{"id":"a","generation":"x"}]})", R"({"proxies":3})"}) {
    EXPECT_FALSE(DecodeRoster(text).ok()) << text;
  }
}

}  // namespace
}  // namespace spawner::route
