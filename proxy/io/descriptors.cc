#include "proxy/io/descriptors.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proxy/io/limits.h"

namespace spawner::proxy {

absl::StatusOr<Descriptors::Bounds> Descriptors::Share(int64_t file_limit, int workers,
                                                       int64_t reserved) {
  const int64_t others = kOtherDescriptors + kDescriptorsPerWorker * workers;
  const int64_t max = file_limit - others;
  if (max < kDescriptorsLeast) {
    return absl::FailedPreconditionError(
        absl::StrCat("the limit of open files is ", file_limit, ": raise it (ulimit -n) to ",
                     others + kDescriptorsLeast, " at least, or run fewer workers"));
  }
  if (reserved > max / 2) {
    return absl::InvalidArgumentError(absl::StrCat("must be at most ", max / 2,
                                                   ", half of what the limit of open files (",
                                                   file_limit, ") leaves to connections"));
  }
  if (reserved == 0) reserved = std::min(max / 8, kReservedDescriptors);
  return Bounds{.max = max, .reserved = reserved};
}

}  // namespace spawner::proxy
