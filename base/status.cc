#include "base/status.h"

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace spawner {
namespace {

constexpr char kReasonUrl[] = "spawner.dev/reason";
constexpr char kDetailUrl[] = "spawner.dev/detail/";  // and its name
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

absl::Status WithReason(absl::Status status, absl::string_view reason,
                        std::initializer_list<Detail> details) {
  status.SetPayload(kReasonUrl, absl::Cord(reason));
  for (const Detail& detail : details) status = WithDetail(std::move(status), detail);
  return status;
}

std::string ReasonOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kReasonUrl);
  return payload.has_value() ? std::string(*payload) : std::string();
}

absl::Status WithDetail(absl::Status status, const Detail& detail) {
  status.SetPayload(absl::StrCat(kDetailUrl, detail.name),
                    absl::Cord(absl::string_view(detail.value)));
  return status;
}

std::map<std::string, std::string> DetailsOf(const absl::Status& status) {
  std::map<std::string, std::string> details;
  status.ForEachPayload([&details](absl::string_view url, const absl::Cord& payload) {
    if (absl::ConsumePrefix(&url, kDetailUrl)) details.emplace(url, std::string(payload));
  });
  return details;
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
  return WithReason(absl::InvalidArgumentError(absl::StrCat(field, ": ", why)), "INVALID_FIELD",
                    {{"field", field}});
}

absl::Status UnsupportedField(absl::string_view field) {
  return WithDetail(absl::UnimplementedError(
                        absl::StrCat(field, ": not supported by this version; leave it unset")),
                    {"field", field});
}

}  // namespace spawner
