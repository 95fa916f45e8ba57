#ifndef SPAWNER_CONTROLLER_API_BACKEND_API_H_
#define SPAWNER_CONTROLLER_API_BACKEND_API_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/json.h"
#include "spawner/v1/sessions.pb.h"

// The values of the HTTP API (docs/http-api.md): the names and states of Spawner's first version,
// said in terms of sessions.
namespace spawner::api {

// In the order in which a session has them, but for the last two: one of them ends it.
enum class BackendState {
  kSubmitted = 1,    // PENDING
  kConstructed = 2,  // STARTING: the pod exists
  kScheduled = 3,    // STARTING, PULLING: on a node
  kRunning = 4,      // STARTING, STARTED or ROUTING: the container runs
  kReady = 5,        // READY, DRAINING
  kSwept = 6,        // ended as it should: nobody used it, a limit, a request, exit code 0
  kFailed = 7,       // ended otherwise; or gone for good
};
inline constexpr bool IsEnd(BackendState state) { return state >= BackendState::kSwept; }
absl::string_view Name(BackendState state);
BackendState StateOf(const v1::Session& session);

// {"state": "Ready", "name": id, "time": ..., "reason": ...}; no time if it is not recorded. No
// message: a status URL may be passed on to visitors, for whom it is not meant (decision 0011).
Json StatusJson(absl::string_view id, const v1::Session& session);

// The body of POST /spawn: {image, port?, env?, gracePeriodSeconds?}, and command? and args?. A
// request for a new PUBLIC session in `ns`. INVALID_FIELD names the field, also one that is
// unknown.
absl::StatusOr<v1::ConnectRequest> ReadSpawn(absl::string_view ns, absl::string_view body);

// The value of one parameter of "/path?a=b&c=d", percent-decoded. INVALID_ARGUMENT if it is there
// twice or can't be decoded, or if there is a parameter that is not in `name`.
absl::StatusOr<std::optional<std::string>> OnlyParameter(absl::string_view target,
                                                         absl::string_view name);

// "BASE/backend/ID/WHAT", with "?namespace=NS" unless `ns` is the default one.
std::string BackendUrl(absl::string_view base, absl::string_view default_ns, absl::string_view ns,
                       absl::string_view id, absl::string_view what);

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_BACKEND_API_H_
