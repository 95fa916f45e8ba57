#include "controller/quota_flags.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"

ABSL_FLAG(int64_t, quota_sessions_per_namespace, 0,
          "Sessions that a namespace may have at one time; more are refused. 0: no limit.");
ABSL_FLAG(int64_t, quota_connections_per_namespace, 0,
          "Connections that may be open to a namespace's sessions; then Connect is refused. 0: no "
          "limit.");
ABSL_FLAG(
    int64_t, quota_starts_per_namespace, 0,
    "Sessions of a namespace that may be starting at one time; others wait until their call's "
    "deadline. 0: no limit.");
ABSL_FLAG(int64_t, quota_starts, 0,
          "Sessions that may be starting at one time; others wait, namespaces take turns. 0: no "
          "limit.");
ABSL_FLAG(double, rate_connects_per_namespace, 0,
          "Connects a second that a namespace may have, on average; a second's worth may come at "
          "once. 0: no limit.");
ABSL_FLAG(double, rate_connects_per_caller, 0,
          "Connects a second that one caller may make, likewise. 0: no limit.");

namespace spawner {
namespace {

constexpr int64_t kCountMax = 1'000'000'000;
constexpr double kRateMax = 1e6;

absl::Status Bad(absl::string_view flag, absl::string_view allowed) {
  return absl::InvalidArgumentError(absl::StrCat("--", flag, ": allowed is ", allowed));
}

}  // namespace

absl::StatusOr<core::FairnessLimits> ReadQuotaFlags() {
  const core::FairnessLimits limits{
      .sessions_per_namespace = absl::GetFlag(FLAGS_quota_sessions_per_namespace),
      .connections_per_namespace = absl::GetFlag(FLAGS_quota_connections_per_namespace),
      .starts = {.per_namespace = absl::GetFlag(FLAGS_quota_starts_per_namespace),
                 .total = absl::GetFlag(FLAGS_quota_starts)},
      .connects_per_namespace = absl::GetFlag(FLAGS_rate_connects_per_namespace),
      .connects_per_caller = absl::GetFlag(FLAGS_rate_connects_per_caller)};
  const std::pair<absl::string_view, int64_t> counts[] = {
      {"quota-sessions-per-namespace", limits.sessions_per_namespace},
      {"quota-connections-per-namespace", limits.connections_per_namespace},
      {"quota-starts-per-namespace", limits.starts.per_namespace},
      {"quota-starts", limits.starts.total}};
  for (const auto& [flag, value] : counts) {
    if (value < 0 || value > kCountMax) return Bad(flag, absl::StrCat("0 to ", kCountMax));
  }
  const std::pair<absl::string_view, double> rates[] = {
      {"rate-connects-per-namespace", limits.connects_per_namespace},
      {"rate-connects-per-caller", limits.connects_per_caller}};
  for (const auto& [flag, value] : rates) {
    if (value != 0 && !(value >= 0.001 && value <= kRateMax)) {
      return Bad(flag, "0, or 0.001 to 1000000");
    }
  }
  return limits;
}

}  // namespace spawner
