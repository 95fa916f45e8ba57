#ifndef SPAWNER_CONTROLLER_API_HTTP_ERROR_H_
#define SPAWNER_CONTROLLER_API_HTTP_ERROR_H_

#include "absl/status/status.h"
#include "base/json.h"
#include "controller/api/http_exchange.h"

namespace spawner::api {

HttpAnswer JsonAnswer(int code, const Json& body);

// {"error": {"code": "NOT_FOUND", "reason": "SESSION_NOT_FOUND", "message": "..."}}, with the HTTP
// code that fits and Retry-After where there is a wait.
HttpAnswer ErrorAnswer(const absl::Status& status);
Json ErrorJson(const absl::Status& status);

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_HTTP_ERROR_H_
