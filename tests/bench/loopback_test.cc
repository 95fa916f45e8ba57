// Load, relay and backend in one thread over real sockets: their counts must agree.
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "gtest/gtest.h"
#include "tests/bench/floor_relay.h"
#include "tests/bench/limits.h"
#include "tests/bench/load_generator.h"
#include "tests/bench/load_options.h"
#include "tests/bench/load_report.h"
#include "tests/bench/responder.h"
#include "tests/bench/sockets.h"

namespace spawner::bench {
namespace {

class LoopbackTest : public testing::Test {
 protected:
  LoopbackTest() {
    PrepareProcess();
    responder_ = *Responder::Listen(0);
    relay_ = *FloorRelay::Listen(0, responder_->port());
  }

  // Runs the load through the relay to its end, and the relay until all of it is gone.
  LoadReport Run(LoadOptions options) {
    options.port = options.port == 0 ? relay_->port() : options.port;
    options.warm_up_s = 0;
    absl::StatusOr<LoadReport> report;
    {
      LoadGenerator load(options, clock_);
      while (load.Turn(0)) TurnServers();
      report = load.Report();
    }
    for (int i = 0; i < kTurnsToEnd && relay_->pairs() > 0; ++i) TurnServers();
    EXPECT_TRUE(report.ok()) << report.status().ToString();
    EXPECT_EQ(relay_->pairs(), 0);
    EXPECT_EQ(responder_->counters().refused, 0);
    return report.ok() ? *report : LoadReport();
  }

  void TurnServers() {
    relay_->Turn(0);
    responder_->Turn(0);
  }

  static void ExpectClean(const LoadReport& report) {
    EXPECT_GT(report.latency_ns.count(), 0);
    EXPECT_EQ(report.errors, 0);
    EXPECT_EQ(report.bad, 0);
    EXPECT_EQ(report.dropped, 0);
    EXPECT_EQ(report.first_error, "");
  }

  LoadOptions AtFixedRate() {
    return {.port = relay_->port(), .connections = 4, .rate = 1000, .warm_up_s = 0, .seconds = 0.1};
  }

  static constexpr int kTurnsToEnd = 100'000;

  const SystemClock clock_;
  std::unique_ptr<Responder> responder_;
  std::unique_ptr<FloorRelay> relay_;
};

TEST_F(LoopbackTest, ClosedLoopCountsEveryRequestOnceOnEachSide) {
  const LoadReport report = Run({.connections = 8, .seconds = 0.1});
  ExpectClean(report);
  EXPECT_EQ(report.open, 8);
  EXPECT_EQ(relay_->counters().connections, 8);
  EXPECT_EQ(responder_->counters().connections, 8);
  // At the end each connection has at most one request whose answer was not counted.
  EXPECT_GE(responder_->counters().requests, report.latency_ns.count());
  EXPECT_LE(responder_->counters().requests, report.latency_ns.count() + 8);
}

TEST_F(LoopbackTest, FixedRateSendsWhatIsDueAndNoMore) {
  FakeClock clock;
  LoadGenerator load(AtFixedRate(), clock);
  while (load.Turn(0)) {
    TurnServers();
    if (load.is_up()) clock.Advance(absl::Microseconds(50));
  }
  const LoadReport report = *load.Report();
  ExpectClean(report);
  // 1,000 a second for a tenth of one; the last ones may have no answer yet.
  EXPECT_LE(responder_->counters().requests, 100);
  EXPECT_GE(report.latency_ns.count(), 95);
  EXPECT_LE(report.latency_ns.Quantile(0.5), 1'000'000);
}

TEST_F(LoopbackTest, LatencyCountsFromWhenARequestWasDue) {
  FakeClock clock;
  LoadGenerator load(AtFixedRate(), clock);
  while (!load.is_up() && load.Turn(0)) TurnServers();
  // The servers stand still for 50 ms, then are as fast as can be.
  for (int i = 0; i < 50; ++i) {
    clock.Advance(absl::Milliseconds(1));
    load.Turn(0);
  }
  for (int i = 0; i < 2000; ++i) {
    load.Turn(0);
    TurnServers();
  }
  clock.Advance(absl::Milliseconds(60));
  while (load.Turn(0)) {
  }
  // Due 1 to 49 ms before they were answered, all at the same moment; then one of each connection.
  const LoadReport report = *load.Report();
  EXPECT_EQ(report.latency_ns.count(), 50);
  EXPECT_NEAR(report.latency_ns.mean(), 24.5e6, 0.1e6);
  EXPECT_NEAR(static_cast<double>(report.latency_ns.max()), 49e6, 0.1e6);
}

TEST_F(LoopbackTest, LongBodiesComeThroughWhole) {
  const LoadReport report =
      Run({.connections = 2, .seconds = 0.2, .path = "/b/1048576", .upload_bytes = 0});
  ExpectClean(report);
  EXPECT_GE(report.bytes_read, report.latency_ns.count() * 1048576);
}

TEST_F(LoopbackTest, UploadsArriveWhole) {
  const LoadReport report = Run({.connections = 2, .seconds = 0.2, .upload_bytes = 300'000});
  ExpectClean(report);
  EXPECT_GE(responder_->counters().uploaded_bytes, report.latency_ns.count() * 300'000);
}

TEST_F(LoopbackTest, OneShotTakesAConnectionForEachRequest) {
  const LoadReport report =
      Run({.connections = 4, .rate = 500, .seconds = 0.2, .is_one_shot = true});
  ExpectClean(report);
  // The last of each client may not have come to its request.
  EXPECT_LE(responder_->counters().requests, responder_->counters().connections);
  EXPECT_GE(responder_->counters().requests + 4, responder_->counters().connections);
  EXPECT_GE(report.connects, 50);
}

TEST_F(LoopbackTest, WebSocketsEchoAtEveryHeaderSize) {
  for (const size_t message : {size_t{0}, size_t{64}, size_t{126}, kMessageBytesMax}) {
    const LoadReport report = Run({.kind = LoadOptions::Kind::kWebSocket,
                                   .connections = 4,
                                   .seconds = 0.05,
                                   .message_bytes = message});
    ExpectClean(report);
    EXPECT_EQ(report.open, 4) << message;
  }
}

TEST_F(LoopbackTest, IdleWebSocketsSayNothing) {
  const LoadReport report =
      Run({.kind = LoadOptions::Kind::kIdle, .connections = 200, .seconds = 0.05});
  EXPECT_EQ(report.open, 200);
  EXPECT_EQ(report.errors + report.dropped, 0);
  EXPECT_EQ(responder_->counters().messages, 0);
}

TEST_F(LoopbackTest, ARefusedConnectionIsAnError) {
  const uint16_t closed_port = [] { return (*Responder::Listen(0))->port(); }();
  LoadGenerator load({.port = closed_port, .connections = 4, .seconds = 0.1}, clock_);
  while (load.Turn(0)) {
  }
  EXPECT_EQ(load.Report().status().message(), "only 0 of 4 connections opened: connect failed");
}

TEST_F(LoopbackTest, AConnectionThatEndsWithoutAnAnswerIsAnError) {
  // A relay without a backend: each connection ends as soon as it is there.
  const uint16_t closed_port = [] { return (*Responder::Listen(0))->port(); }();
  relay_ = *FloorRelay::Listen(0, closed_port);
  const LoadReport http = Run({.connections = 2, .rate = 200, .seconds = 0.1, .is_one_shot = true});
  EXPECT_EQ(http.latency_ns.count(), 0);
  EXPECT_GT(http.errors, 10);
  EXPECT_NE(http.first_error, "");
}

}  // namespace
}  // namespace spawner::bench
