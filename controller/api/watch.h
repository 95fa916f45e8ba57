#ifndef SPAWNER_CONTROLLER_API_WATCH_H_
#define SPAWNER_CONTROLLER_API_WATCH_H_

#include <grpcpp/support/server_callback.h>

#include "controller/api/edge.h"
#include "spawner/v1/sessions.pb.h"

namespace spawner::api {

// One WatchSessions call: the core's events through a bounded outbox onto the stream. A watcher
// that is too slow is ended with RESOURCE_EXHAUSTED.
grpc::ServerWriteReactor<v1::WatchSessionsResponse>* StartWatch(
    Edge& edge, const v1::WatchSessionsRequest& request);

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_WATCH_H_
