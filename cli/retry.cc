#include "cli/retry.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "cli/client.h"

namespace spawner::cli {

absl::Duration Retry::Next(const grpc::Status& status) {
  if (++attempts_ >= kAttemptsMax) return absl::ZeroDuration();
  const int doublings = std::min(attempts_ - 1, 10);
  const absl::Duration wait = RetryAfterOf(status).value_or(kRetryMin * (1 << doublings));
  return std::clamp(wait, absl::Milliseconds(1), kRetryMax);
}

std::string LostNotice(const grpc::Status& status, absl::string_view address) {
  return absl::StrCat("lost the controller: ", ShortErrorText(status, address), "; trying again");
}

}  // namespace spawner::cli
