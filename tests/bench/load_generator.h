#ifndef SPAWNER_TESTS_BENCH_LOAD_GENERATOR_H_
#define SPAWNER_TESTS_BENCH_LOAD_GENERATOR_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "tests/bench/load_connection.h"
#include "tests/bench/load_options.h"
#include "tests/bench/load_report.h"
#include "tests/bench/poller.h"
#include "tests/bench/request_text.h"

namespace spawner::bench {

// One load on one proxy: opens all connections, warms up, measures.
//   LoadGenerator load(options, clock);
//   while (load.Turn(Poller::kForever)) {}
//   ASSIGN_OR_RETURN(const LoadReport report, load.Report());
// At a fixed rate, request k is due at start + k / rate on connection k % connections, whatever
// became of the ones before it: latency counts from there, so no omission is coordinated.
// Thread: the one that calls Turn. Owner: main or a test.
class LoadGenerator {
 public:
  LoadGenerator(const LoadOptions& options, const Clock& clock);

  // Waits for what comes next, `wait_ns` at most, and does it. False: it is over.
  bool Turn(int64_t wait_ns);
  // All connections are open.
  bool is_up() const { return phase_ != Phase::kConnecting; }
  // DEADLINE_EXCEEDED if more than a tenth of the connections did not open; errors of cpu_file.
  absl::StatusOr<LoadReport> Report() const;

 private:
  enum class Phase : uint8_t { kConnecting, kWarmUp, kMeasuring, kOver };
  using Outcome = LoadConnection::Outcome;

  void OpenMore();
  void Begin(int64_t now);
  void BeginMeasuring(int64_t now);
  void FinishMeasuring(int64_t now);
  void Fail(const absl::Status& status);

  // What a connection may do next, at the beginning and after each outcome.
  void Next(LoadConnection& connection, int64_t now);
  void LaunchDue(int64_t now);
  void Handle(LoadConnection& connection, Outcome outcome);
  void OnAnswer(LoadConnection& connection, Outcome outcome, int64_t now);
  void OnLost(LoadConnection& connection, int64_t now);
  void Dial(LoadConnection& connection);
  void CountError(const LoadConnection& connection);

  int64_t Now() const { return clock_.Now().nanoseconds; }
  int64_t DueOf(uint64_t arrival) const;
  int64_t NextWake(int64_t now) const;
  bool is_closed_loop() const { return options_.rate <= 0; }

  const LoadOptions options_;
  const Clock& clock_;
  RequestText text_;
  Poller poller_;
  std::string scratch_;
  LoadContext context_;
  std::vector<LoadConnection> connections_;

  Phase phase_ = Phase::kConnecting;
  size_t opened_ = 0;  // of connections_, in order
  size_t up_ = 0;
  size_t failed_ = 0;
  uint64_t arrivals_ = 0;  // requests that have been due so far
  int64_t created_ns_ = 0;
  int64_t start_ns_ = 0;
  int64_t measure_ns_ = 0;
  int64_t end_ns_ = 0;
  int64_t interval_ns_ = 0;  // between two requests of one connection
  LoadReport report_;
  absl::Status status_;
};

}  // namespace spawner::bench

#endif  // SPAWNER_TESTS_BENCH_LOAD_GENERATOR_H_
