#ifndef SPAWNER_CONTROLLER_API_DIAGNOSE_H_
#define SPAWNER_CONTROLLER_API_DIAGNOSE_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "controller/api/edge.h"
#include "controller/api/leader_client.h"
#include "spawner/v1/admin.grpc.pb.h"

namespace spawner::api {

// Admin.Diagnose: what is known first, then what Kubernetes answers, each as it is found.
grpc::ServerWriteReactor<v1::DiagnoseResponse>* StartDiagnose(Edge& edge, LeaderClient& leader,
                                                              grpc::CallbackServerContext* context,
                                                              const v1::DiagnoseRequest& request);

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_DIAGNOSE_H_
