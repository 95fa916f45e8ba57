#ifndef SPAWNER_CONTROLLER_API_FILTER_H_
#define SPAWNER_CONTROLLER_API_FILTER_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "controller/core/service.h"

namespace spawner::api {

// Reads the `filter` of ListSessions and WatchSessions into `params`: terms joined by AND, each at
// most once,
//   state=READY   key:report-   labels.team=blue
// A value with spaces is quoted: key:"my document". INVALID_FIELD says what is allowed.
absl::Status ParseFilter(absl::string_view filter, core::ListParams& params);

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_FILTER_H_
