#include "controller/quota_flags.h"

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/ids.h"
#include "base/status.h"

ABSL_FLAG(std::string, quota_sessions_per_namespace, "0",
          "Sessions that a namespace may have at one time; more are refused. 0: no limit. NS=N is "
          "one namespace's own: \"50,team-a=200,team-b=0\". May be given more than once.");
ABSL_FLAG(std::string, quota_connections_per_namespace, "0",
          "Connections that may be open to a namespace's sessions; then Connect is refused. 0: no "
          "limit. NS=N as above.");
ABSL_FLAG(
    std::string, quota_sessions_per_user, "0",
    "Sessions of a namespace that may have been started for one user (of the grant); more are "
    "refused. 0: no limit. NS=N as above: each user's in that namespace.");
ABSL_FLAG(
    std::string, quota_connections_per_user, "0",
    "Connections, whoever's, that may be open to the sessions that were started for one user; "
    "then Connects to these are refused. 0: no limit. NS=N as above.");
ABSL_FLAG(
    std::string, quota_starts_per_namespace, "0",
    "Sessions of a namespace that may be starting at one time; others wait until their call's "
    "deadline. 0: no limit. NS=N as above.");
ABSL_FLAG(std::string, quota_starts_per_user, "0",
          "Sessions of a namespace that may be starting for one user (of the grant) at one time; "
          "more wait, others of the namespace pass them. 0: no limit. NS=N as above.");
ABSL_FLAG(int64_t, quota_starts, 0,
          "Sessions that may be starting at one time; others wait, namespaces take turns. 0: no "
          "limit.");
ABSL_FLAG(std::string, rate_connects_per_namespace, "0",
          "Connects a second that a namespace may have, on average; a second's worth may come at "
          "once. 0: no limit. NS=X as above.");
ABSL_FLAG(double, rate_connects_per_caller, 0,
          "Connects a second that one caller may make, likewise. 0: no limit.");

namespace spawner {
namespace {

constexpr int64_t kCountMax = 1'000'000'000;
constexpr double kRateMin = 0.001;
constexpr double kRateMax = 1e6;

absl::Status Bad(absl::string_view flag, absl::string_view allowed) {
  return absl::InvalidArgumentError(absl::StrCat("--", flag, ": allowed is ", allowed));
}

std::string AllowedCount() { return absl::StrCat("0 to ", kCountMax); }

bool ReadNumber(absl::string_view text, int64_t& out) {
  return absl::SimpleAtoi(text, &out) && out >= 0 && out <= kCountMax;
}

bool IsRate(double value) { return value == 0 || (value >= kRateMin && value <= kRateMax); }

bool ReadNumber(absl::string_view text, double& out) {
  return absl::SimpleAtod(text, &out) && IsRate(out);
}

// "50,team-a=200": a number for each namespace, and some for themselves. The last one counts.
template <typename T>
absl::StatusOr<core::PerNamespace<T>> Read(absl::string_view flag, const std::string& text) {
  core::PerNamespace<T> limit;
  for (const absl::string_view item : absl::StrSplit(text, ',')) {
    const std::vector<absl::string_view> parts = absl::StrSplit(item, absl::MaxSplits('=', 1));
    T number = 0;
    const bool has_namespace = parts.size() == 2;
    if (!ReadNumber(parts.back(), number) || (has_namespace && !IsDnsLabel(parts.front()))) {
      return Bad(
          absl::StrCat(flag, "=", item),
          absl::StrCat("N or NAMESPACE=N, N ",
                       std::is_same_v<T, double> ? "0, or 0.001 to 1000000" : AllowedCount()));
    }
    if (has_namespace) {
      limit.own[std::string(parts.front())] = number;
    } else {
      limit.each = number;
    }
  }
  return limit;
}

}  // namespace

absl::StatusOr<core::FairnessLimits> ReadQuotaFlags() {
  core::FairnessLimits limits;
  ASSIGN_OR_RETURN(limits.sessions_per_namespace,
                   Read<int64_t>("quota-sessions-per-namespace",
                                 absl::GetFlag(FLAGS_quota_sessions_per_namespace)));
  ASSIGN_OR_RETURN(limits.connections_per_namespace,
                   Read<int64_t>("quota-connections-per-namespace",
                                 absl::GetFlag(FLAGS_quota_connections_per_namespace)));
  ASSIGN_OR_RETURN(
      limits.sessions_per_user,
      Read<int64_t>("quota-sessions-per-user", absl::GetFlag(FLAGS_quota_sessions_per_user)));
  ASSIGN_OR_RETURN(
      limits.connections_per_user,
      Read<int64_t>("quota-connections-per-user", absl::GetFlag(FLAGS_quota_connections_per_user)));
  ASSIGN_OR_RETURN(
      limits.starts.per_namespace,
      Read<int64_t>("quota-starts-per-namespace", absl::GetFlag(FLAGS_quota_starts_per_namespace)));
  ASSIGN_OR_RETURN(
      limits.starts.per_user,
      Read<int64_t>("quota-starts-per-user", absl::GetFlag(FLAGS_quota_starts_per_user)));
  ASSIGN_OR_RETURN(limits.connects_per_namespace,
                   Read<double>("rate-connects-per-namespace",
                                absl::GetFlag(FLAGS_rate_connects_per_namespace)));
  limits.starts.total = absl::GetFlag(FLAGS_quota_starts);
  if (limits.starts.total < 0 || limits.starts.total > kCountMax) {
    return Bad("quota-starts", AllowedCount());
  }
  limits.connects_per_caller = absl::GetFlag(FLAGS_rate_connects_per_caller);
  if (!IsRate(limits.connects_per_caller)) {
    return Bad("rate-connects-per-caller", "0, or 0.001 to 1000000");
  }
  return limits;
}

}  // namespace spawner
