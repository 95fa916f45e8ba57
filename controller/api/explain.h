#ifndef SPAWNER_CONTROLLER_API_EXPLAIN_H_
#define SPAWNER_CONTROLLER_API_EXPLAIN_H_

#include <grpcpp/support/server_callback.h>

#include "controller/api/edge.h"
#include "controller/api/leader_client.h"
#include "spawner/v1/sessions.pb.h"

namespace spawner::api {

// Sessions.ExplainSession: the leader's answer, whoever is asked; this controller's own if the
// leader does not answer.
grpc::ServerUnaryReactor* StartExplain(Edge& edge, LeaderClient& leader,
                                       grpc::CallbackServerContext* context,
                                       const v1::ExplainSessionRequest* request,
                                       v1::ExplainSessionResponse* response);

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_EXPLAIN_H_
