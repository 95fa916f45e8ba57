#ifndef SPAWNER_CONTROLLER_KUBE_API_ERROR_H_
#define SPAWNER_CONTROLLER_KUBE_API_ERROR_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "controller/kube/api_path.h"

namespace spawner::kube {

// The error that an answer of `http_code` >= 400 means, as kube_client.h lists them:
// "create pod a/s-1: HTTP 403: pods is forbidden: ...". `body` is the API server's metav1.Status,
// or whatever else stands between us and it wrote.
absl::Status ApiError(const RequestName& request, int http_code,
                      std::optional<absl::Duration> retry_after, absl::string_view body);

// No answer, or half of one: UNAVAILABLE / KUBERNETES_UNREACHABLE unless the transport knows
// better.
absl::Status NoAnswer(const RequestName& request, const absl::Status& transport_error);

}  // namespace spawner::kube

#endif  // SPAWNER_CONTROLLER_KUBE_API_ERROR_H_
