#include "proxy/link/ack_book.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "gtest/gtest.h"

namespace spawner::proxy {
namespace {

RouteChange Change(RouteVersion version, std::string id, RouteState state) {
  return {.version = version,
          .routes = {{.session_id = std::move(id), .epoch = 5, .state = state}}};
}

GateCount Gate(std::string id, uint64_t version, int64_t open, int64_t waiting = 0) {
  return {.session_id = std::move(id),
          .epoch = 5,
          .gate_version = version,
          .open = open,
          .waiting = waiting};
}

TEST(AckBook, AcknowledgesWhenEveryWorkerHasAppliedAndSumsTheirCounts) {
  AckBook book(2);
  book.BeginLink(1);
  EXPECT_FALSE(book.IsDue());
  book.Posted(Change({1, 7}, "a", RouteState::kGated));
  book.Applied(1, {1, 7}, {Gate("a", 7, 2, 1)});
  EXPECT_FALSE(book.IsDue());
  book.Applied(0, {1, 7}, {Gate("a", 7, 1)});
  const auto ack = book.Take();
  ASSERT_TRUE(ack.has_value());
  EXPECT_EQ(ack->leadership(), 1u);
  EXPECT_EQ(ack->version(), 7u);
  ASSERT_EQ(ack->gates_size(), 1);
  EXPECT_EQ(ack->gates(0).open(), 3);
  EXPECT_EQ(ack->gates(0).waiting(), 1);
  EXPECT_EQ(ack->gates(0).epoch(), 5u);
  EXPECT_EQ(ack->gates(0).gate_version(), 7u);
  EXPECT_FALSE(book.Take().has_value());
}

TEST(AckBook, OneAckForSeveralVersionsCarriesEveryCount) {
  AckBook book(1);
  book.BeginLink(1);
  book.Posted(Change({1, 7}, "a", RouteState::kGated));
  book.Posted(Change({1, 8}, "a", RouteState::kOpen));
  book.Posted(Change({1, 9}, "b", RouteState::kGated));
  book.Applied(0, {1, 7}, {Gate("a", 7, 1)});
  book.Applied(0, {1, 8}, {});
  book.Applied(0, {1, 9}, {Gate("b", 9, 0)});
  const auto ack = book.Take();
  ASSERT_TRUE(ack.has_value());
  EXPECT_EQ(ack->version(), 9u);
  EXPECT_EQ(ack->gates_size(), 2);
}

TEST(AckBook, AfterARelinkToTheSameLeaderRepeatsTheAckWithGatesStillClosed) {
  AckBook book(1);
  book.BeginLink(1);
  book.Posted(Change({1, 7}, "a", RouteState::kGated));
  book.Posted(Change({1, 8}, "b", RouteState::kGated));
  book.Applied(0, {1, 7}, {Gate("a", 7, 1)});
  book.Applied(0, {1, 8}, {Gate("b", 8, 0)});
  ASSERT_TRUE(book.Take().has_value());
  book.Posted(Change({1, 9}, "a", RouteState::kOpen));
  book.Applied(0, {1, 9}, {});
  book.BeginLink(1);
  const auto ack = book.Take();
  ASSERT_TRUE(ack.has_value());
  EXPECT_EQ(ack->version(), 9u);
  ASSERT_EQ(ack->gates_size(), 1);
  EXPECT_EQ(ack->gates(0).session_id(), "b");
}

TEST(AckBook, AnotherLeadersLogStartsOver) {
  AckBook book(1);
  book.BeginLink(1);
  book.Posted(Change({1, 7}, "a", RouteState::kGated));
  book.BeginLink(2);
  book.Applied(0, {1, 7}, {Gate("a", 7, 0)});
  EXPECT_FALSE(book.IsDue());
  RouteChange table = Change({2, 0}, "a", RouteState::kGated);
  table.replaces_all = true;
  book.Posted(table);
  book.Applied(0, {2, 0}, {Gate("a", 0, 4)});
  const auto ack = book.Take();
  ASSERT_TRUE(ack.has_value());
  EXPECT_EQ(ack->leadership(), 2u);
  ASSERT_EQ(ack->gates_size(), 1);
  EXPECT_EQ(ack->gates(0).open(), 4);
}

TEST(AckBook, NegativeAnswersNeedNoAck) {
  AckBook book(2);
  book.BeginLink(1);
  book.Posted({.unknown = {"x"}});
  book.Applied(0, {}, {});
  EXPECT_EQ(book.unapplied(), 0u);
  EXPECT_FALSE(book.IsDue());
}

// Goal: no order of the workers makes an early ack, loses a count or counts one twice.
TEST(AckBookProperty, AnyOrderOfWorkers) {
  for (uint64_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    SeededRandom random(seed);
    const int workers = 1 + static_cast<int>(random.Below(4));
    AckBook book(workers);
    book.BeginLink(3);
    constexpr uint64_t kVersions = 40;
    std::vector<uint64_t> applied(workers, 0);
    std::map<uint64_t, int64_t> expected;  // version of a gate -> open
    std::map<uint64_t, int64_t> received;
    uint64_t posted = 0;
    uint64_t acked = 0;
    while (acked < kVersions) {
      if (posted < kVersions && random.OneIn(3)) {
        ++posted;
        book.Posted(Change({3, posted}, absl::StrCat("s", posted),
                           posted % 2 == 0 ? RouteState::kGated : RouteState::kOpen));
      }
      const int worker = static_cast<int>(random.Below(workers));
      if (applied[worker] < posted) {
        const uint64_t version = ++applied[worker];
        std::vector<GateCount> gates;
        if (version % 2 == 0) {
          const auto open = static_cast<int64_t>(random.Below(3));
          expected[version] += open;
          gates.push_back(Gate(absl::StrCat("s", version), version, open));
        }
        book.Applied(worker, {3, version}, gates);
      }
      if (random.OneIn(2)) continue;
      if (const auto ack = book.Take()) {
        for (uint64_t by_worker : applied) ASSERT_GE(by_worker, ack->version());
        ASSERT_GT(ack->version(), acked);
        acked = ack->version();
        for (const auto& gate : ack->gates()) {
          ASSERT_TRUE(received.emplace(gate.gate_version(), gate.open()).second);
        }
      }
    }
    ASSERT_EQ(received, expected);
  }
}

}  // namespace
}  // namespace spawner::proxy
