#include "base/time_text.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace spawner {

absl::StatusOr<absl::Time> ParseRfc3339(absl::string_view text) {
  absl::Time time;
  std::string error;
  // Abseil takes "infinite-future" and spaces around as well; RFC 3339 does not.
  if (!text.empty() && absl::ascii_isdigit(static_cast<unsigned char>(text.front())) &&
      !absl::ascii_isspace(static_cast<unsigned char>(text.back())) &&
      absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
    return time;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("not a time as 2026-01-02T03:04:05Z: \"", text.substr(0, 64), "\""));
}

std::string FormatRfc3339(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

std::string FormatRfc3339Micros(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", time, absl::UTCTimeZone());
}

}  // namespace spawner
