#include "tests/bench/load_report.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/json.h"
#include "tests/bench/sockets.h"

namespace spawner::bench {
namespace {

double Us(double ns) { return ns / 1000; }

}  // namespace

std::string ToJsonLine(const LoadReport& report) {
  const Histogram& latency = report.latency_ns;
  const double n = static_cast<double>(std::max<uint64_t>(latency.count(), 1));
  const auto quantile_us = [&latency](double fraction) {
    return Us(static_cast<double>(latency.Quantile(fraction)));
  };
  return JsonText({
      {"n", latency.count()},
      {"seconds", report.seconds},
      {"rps", report.seconds > 0 ? static_cast<double>(latency.count()) / report.seconds : 0},
      {"cpu_us", Us(static_cast<double>(report.proxy_cpu_ns)) / n},
      {"cpu_s", static_cast<double>(report.proxy_cpu_ns) / 1e9},
      {"load_us", Us(static_cast<double>(report.load_cpu_ns)) / n},
      {"p50_us", quantile_us(0.5)},
      {"p90_us", quantile_us(0.9)},
      {"p99_us", quantile_us(0.99)},
      {"p999_us", quantile_us(0.999)},
      {"max_us", Us(static_cast<double>(latency.max()))},
      {"mean_us", Us(latency.mean())},
      {"read_mib", static_cast<double>(report.bytes_read) / (1024 * 1024)},
      {"errors", report.errors},
      {"bad", report.bad},
      {"dropped", report.dropped},
      {"connects", report.connects},
      {"open", report.open},
      {"late", report.late},
      {"first_error", report.first_error},
  });
}

absl::StatusOr<int64_t> ReadCpuNs(const std::string& path) {
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char text[4096];
  const ssize_t size = file.is_open() ? read(file.get(), text, sizeof(text)) : -1;
  if (size < 0) return ErrnoStatus(errno, absl::StrCat("read CPU time from ", path));
  return ParseCpuNs({text, static_cast<size_t>(size)});
}

absl::StatusOr<int64_t> ParseCpuNs(absl::string_view text) {
  int64_t value = 0;
  if (absl::SimpleAtoi(absl::StripAsciiWhitespace(text), &value)) return value;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (absl::ConsumePrefix(&line, "usage_usec ") && absl::SimpleAtoi(line, &value)) {
      return value * 1000;
    }
  }
  return absl::InvalidArgumentError("CPU time: neither a cpuacct.usage nor a cpu.stat");
}

int64_t OwnCpuNs() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

}  // namespace spawner::bench
