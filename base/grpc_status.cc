#include "base/grpc_status.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/status.h"
#include "base/strings.h"
#include "google/rpc/error_details.pb.h"

namespace spawner {
namespace {

constexpr char kDomain[] = "spawner.dev";
constexpr size_t kDetailBytesMax = 256;  // as a key's name; trailers have 8 KiB in all
constexpr int kDetailsMax = 16;          // read from a peer
// Of an UNAVAILABLE that says no wait: nobody knows when what does not answer will; a restart, or
// an election, takes some seconds.
constexpr absl::Duration kUnavailableRetry = absl::Seconds(1);
constexpr int64_t kRetrySecondsMax = 86'400;  // a longer wait from a peer is read as this one

// Not within a character of UTF-8: a protobuf string must not end so.
std::string Cut(std::string value) {
  if (value.size() <= kDetailBytesMax) return value;
  size_t end = kDetailBytesMax;
  while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xc0) == 0x80) --end;
  value.resize(end);
  return value;
}

absl::Status WithInfo(absl::Status status, const google::rpc::ErrorInfo& info) {
  status = WithReason(std::move(status), info.reason());
  int count = 0;
  for (const auto& [name, value] : info.metadata()) {
    if (++count > kDetailsMax) break;
    status = WithDetail(std::move(status), {name, Cut(value)});
  }
  return status;
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(AsStd(status.message()).data(), status.message().size());
  google::rpc::ErrorInfo info;
  const std::string reason = ReasonOf(status);
  info.set_reason(reason.empty() ? absl::StatusCodeToString(status.code()) : reason);
  info.set_domain(kDomain);
  for (auto& [name, value] : DetailsOf(status)) (*info.mutable_metadata())[name] = Cut(value);
  details.add_details()->PackFrom(info);
  std::optional<absl::Duration> delay = RetryAfterOf(status);
  if (!delay.has_value() && absl::IsUnavailable(status)) delay = kUnavailableRetry;
  if (delay.has_value()) {
    google::rpc::RetryInfo retry;
    const int64_t ns = absl::ToInt64Nanoseconds(*delay);
    retry.mutable_retry_delay()->set_seconds(ns / 1'000'000'000);
    retry.mutable_retry_delay()->set_nanos(static_cast<int32_t>(ns % 1'000'000'000));
    details.add_details()->PackFrom(retry);
  }
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()),
                      details.SerializeAsString());
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return result;
  for (const google::protobuf::Any& detail : details.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::RetryInfo retry;
    if (detail.Is<google::rpc::ErrorInfo>() && detail.UnpackTo(&info) && info.domain() == kDomain) {
      result = WithInfo(std::move(result), info);
    } else if (detail.Is<google::rpc::RetryInfo>() && detail.UnpackTo(&retry) &&
               retry.retry_delay().seconds() >= 0 && retry.retry_delay().nanos() >= 0) {
      const absl::Duration delay = absl::Seconds(retry.retry_delay().seconds()) +
                                   absl::Nanoseconds(retry.retry_delay().nanos());
      result = WithRetryAfter(result, std::min(delay, absl::Seconds(kRetrySecondsMax)));
    }
  }
  return result;
}

}  // namespace spawner
