#ifndef SPAWNER_TESTS_BENCH_LOAD_REPORT_H_
#define SPAWNER_TESTS_BENCH_LOAD_REPORT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/bench/histogram.h"

namespace spawner::bench {

// What a load found out. Errors count from the first connection on, all else within the measured
// time.
struct LoadReport {
  double seconds = 0;
  // From when a request was due (fixed rate) or sent (closed loop) to the last byte of its answer:
  // a proxy that stalls shows it in every request that it kept waiting.
  Histogram latency_ns;
  int64_t proxy_cpu_ns = 0;
  int64_t load_cpu_ns = 0;
  uint64_t bytes_read = 0;
  uint64_t errors = 0;    // answers that never came, connections that were refused
  uint64_t bad = 0;       // answers other than asked for
  uint64_t dropped = 0;   // WebSockets that the proxy closed
  uint64_t connects = 0;  // connections opened
  int open = 0;           // at the end
  int late = 0;           // requests long due at the end, without an answer
  std::string first_error;
};

// On one line, with what follows from the numbers: rps, cpu_us per request, quantiles in us.
std::string ToJsonLine(const LoadReport& report);

// CPU time of a control group: the number in cpuacct.usage (v1, nanoseconds), or usage_usec in
// cpu.stat (v2). UNAVAILABLE if the file can't be read, INVALID_ARGUMENT if it is neither.
absl::StatusOr<int64_t> ReadCpuNs(const std::string& path);
absl::StatusOr<int64_t> ParseCpuNs(absl::string_view text);

// CPU time of this process.
int64_t OwnCpuNs();

}  // namespace spawner::bench

#endif  // SPAWNER_TESTS_BENCH_LOAD_REPORT_H_
