#include "base/status.h"

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace spawner {
namespace {

constexpr char kReasonUrl[] = "spawner.dev/reason";
constexpr char kRetryAfterUrl[] = "spawner.dev/retry-after-ns";

}  // namespace

absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), absl::StrCat(context, ": ", status.message()));
  status.ForEachPayload([&annotated](absl::string_view url, const absl::Cord& payload) {
    annotated.SetPayload(url, payload);
  });
  return annotated;
}

absl::Status WithReason(absl::Status status, absl::string_view reason) {
  status.SetPayload(kReasonUrl, absl::Cord(reason));
  return status;
}

std::string ReasonOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kReasonUrl);
  return payload.has_value() ? std::string(*payload) : std::string();
}

absl::Status WithRetryAfter(absl::Status status, absl::Duration delay) {
  const std::string text = absl::StrCat(absl::ToInt64Nanoseconds(delay));
  // Through string_view: Debian's library does not export the constructor from std::string&&.
  status.SetPayload(kRetryAfterUrl, absl::Cord(absl::string_view(text)));
  return status;
}

std::optional<absl::Duration> RetryAfterOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kRetryAfterUrl);
  int64_t nanoseconds = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &nanoseconds)) {
    return std::nullopt;
  }
  return absl::Nanoseconds(nanoseconds);
}

absl::Status InvalidField(absl::string_view field, absl::string_view why) {
  return WithReason(absl::InvalidArgumentError(absl::StrCat(field, ": ", why)), "INVALID_FIELD");
}

absl::Status UnsupportedField(absl::string_view field) {
  return absl::UnimplementedError(
      absl::StrCat(field, ": not supported by this version; leave it unset"));
}

}  // namespace spawner
