#include "tests/bench/load_report.h"

#include <string>

#include "absl/status/status.h"
#include "base/json.h"
#include "gtest/gtest.h"

namespace spawner::bench {
namespace {

TEST(ParseCpuNs, ReadsBothVersionsOfControlGroups) {
  EXPECT_EQ(*ParseCpuNs("123456789\n"), 123456789);
  EXPECT_EQ(*ParseCpuNs("usage_usec 77\nuser_usec 50\nsystem_usec 27\n"), 77'000);
  EXPECT_EQ(ParseCpuNs("user_usec 50\n").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadCpuNs("/nowhere").status().code(), absl::StatusCode::kUnavailable);
}

TEST(ToJsonLine, DividesByWhatWasCounted) {
  LoadReport report{.seconds = 2, .proxy_cpu_ns = 40'000, .errors = 3, .first_error = "a \"b\""};
  for (const int64_t latency_us : {10, 20, 30, 40}) report.latency_ns.Add(latency_us * 1000);
  const std::string line = ToJsonLine(report);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const Json json = *ParseJson(line);
  EXPECT_EQ(json["n"], 4);
  EXPECT_EQ(json["rps"], 2);
  EXPECT_EQ(json["cpu_us"], 10);
  EXPECT_NEAR(json["p50_us"].get<double>(), 20, 0.4);
  EXPECT_EQ(json["max_us"], 40);
  EXPECT_EQ(json["errors"], 3);
  EXPECT_EQ(json["first_error"], "a \"b\"");
}

TEST(ToJsonLine, IsWholeWithoutASingleAnswer) { EXPECT_EQ((*ParseJson(ToJsonLine({})))["rps"], 0); }

}  // namespace
}  // namespace spawner::bench
