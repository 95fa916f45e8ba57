#ifndef SPAWNER_CONTROLLER_API_LOGS_H_
#define SPAWNER_CONTROLLER_API_LOGS_H_

#include <grpcpp/support/server_callback.h>

#include "controller/api/edge.h"
#include "controller/api/leader_client.h"
#include "spawner/v1/sessions.pb.h"

namespace spawner::api {

// One StreamLogs call: the backend's log through a bounded outbox onto the stream. A client that is
// slow makes the log's sender wait. Follows from before the backend has started. A standby asks the
// leader which pod it is (it may be newer than what a standby has seen), and reads the log itself.
grpc::ServerWriteReactor<v1::StreamLogsResponse>* StartLogs(Edge& edge, LeaderClient& leader,
                                                            grpc::CallbackServerContext* context,
                                                            const v1::StreamLogsRequest& request);

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_LOGS_H_
