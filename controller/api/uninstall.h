#ifndef SPAWNER_CONTROLLER_API_UNINSTALL_H_
#define SPAWNER_CONTROLLER_API_UNINSTALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "controller/api/edge.h"
#include "controller/api/leader_client.h"
#include "spawner/v1/admin.grpc.pb.h"

namespace spawner::api {

// Admin.Uninstall, on the leader: a standby passes it on. UNAVAILABLE / NO_LEADER if nobody leads.
grpc::ServerWriteReactor<v1::UninstallResponse>* StartUninstall(
    Edge& edge, LeaderClient& leader, grpc::CallbackServerContext* context,
    const v1::UninstallRequest& request);

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_UNINSTALL_H_
