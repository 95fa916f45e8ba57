#ifndef SPAWNER_CONTROLLER_API_WATCH_H_
#define SPAWNER_CONTROLLER_API_WATCH_H_

#include <grpcpp/support/server_callback.h>

#include "controller/api/edge.h"
#include "controller/api/leader_client.h"
#include "controller/api/watch_messages.h"
#include "spawner/v1/sessions.pb.h"

namespace spawner::api {

// One WatchSessions call: the core's events through a bounded outbox onto the stream. A watcher
// that is too slow is ended with RESOURCE_EXHAUSTED. A standby relays the leader's, which knows
// connections. A watch ends with UNAVAILABLE / NO_LEADER when another controller leads. A leader
// that does not answer at the start is done without.
grpc::ServerWriteReactor<v1::WatchSessionsResponse>* StartWatch(
    Edge& edge, LeaderClient& leader, WatchMessages& messages, grpc::CallbackServerContext* context,
    const v1::WatchSessionsRequest& request);

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_WATCH_H_
