#ifndef SPAWNER_CONTROLLER_API_LIST_USAGE_H_
#define SPAWNER_CONTROLLER_API_LIST_USAGE_H_

#include "controller/api/call.h"
#include "controller/api/edge.h"
#include "spawner/v1/sessions.pb.h"

namespace spawner::api {

// Finishes a ListSessions whose sessions are in `response` and that wants to know what they use:
// fills in Session.usage of those whose pods the metrics API knows, or usage_error. `ns` is the one
// asked for; empty: all. The loop's thread; within core::kUsageWaitMax.
void FinishWithUsage(const Edge& edge, const CallPtr& call, const std::string& ns,
                     v1::ListSessionsResponse* response);

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_LIST_USAGE_H_
