#ifndef SPAWNER_CONTROLLER_SESSION_VISITOR_MESSAGE_H_
#define SPAWNER_CONTROLLER_SESSION_VISITOR_MESSAGE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "controller/session/session.h"
#include "controller/session/spec.h"

namespace spawner {

// Why the session has ended, as whoever opens its URL is told: one sentence, made of the reason,
// the exit code and the spec alone. Never of Plan::message: that may quote the backend's log, image
// names and the cluster's own words, which are for the API's callers (docs/decisions/0011).
std::string VisitorMessage(EndReason reason, std::optional<int32_t> exit_code,
                           const SessionSpec& spec);

}  // namespace spawner

#endif  // SPAWNER_CONTROLLER_SESSION_VISITOR_MESSAGE_H_
