#ifndef SPAWNER_CONTROLLER_QUOTA_FLAGS_H_
#define SPAWNER_CONTROLLER_QUOTA_FLAGS_H_

#include "absl/status/statusor.h"
#include "controller/core/fairness.h"

namespace spawner {

// How much each namespace and caller may have: --help is the reference. INVALID_ARGUMENT is one
// line that says what is allowed.
absl::StatusOr<core::FairnessLimits> ReadQuotaFlags();

}  // namespace spawner

#endif  // SPAWNER_CONTROLLER_QUOTA_FLAGS_H_
