#ifndef SPAWNER_CONTROLLER_API_SESSIONS_H_
#define SPAWNER_CONTROLLER_API_SESSIONS_H_

#include "controller/api/call.h"
#include "controller/api/edge.h"
#include "controller/api/leader_client.h"
#include "controller/api/watch_messages.h"
#include "spawner/v1/sessions.grpc.pb.h"

namespace spawner::api {

// spawner.v1.Sessions. Each method checks its request on gRPC's thread, asks the core on the
// loop's, and passes on to the leader what the core may not do here.
class SessionsService final : public v1::Sessions::CallbackService {
 public:
  explicit SessionsService(Edge& edge) : edge_(edge), leader_(edge), watch_messages_(edge.urls()) {}

  grpc::ServerUnaryReactor* Connect(grpc::CallbackServerContext* context,
                                    const v1::ConnectRequest* request,
                                    v1::ConnectResponse* response) override;
  grpc::ServerUnaryReactor* GetSession(grpc::CallbackServerContext* context,
                                       const v1::GetSessionRequest* request,
                                       v1::Session* response) override;
  grpc::ServerUnaryReactor* ListSessions(grpc::CallbackServerContext* context,
                                         const v1::ListSessionsRequest* request,
                                         v1::ListSessionsResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchSessionsResponse>* WatchSessions(
      grpc::CallbackServerContext* context, const v1::WatchSessionsRequest* request) override;
  grpc::ServerUnaryReactor* TerminateSession(grpc::CallbackServerContext* context,
                                             const v1::TerminateSessionRequest* request,
                                             v1::Session* response) override;
  grpc::ServerUnaryReactor* ExplainSession(grpc::CallbackServerContext* context,
                                           const v1::ExplainSessionRequest* request,
                                           v1::ExplainSessionResponse* response) override;
  grpc::ServerWriteReactor<v1::StreamLogsResponse>* StreamLogs(
      grpc::CallbackServerContext* context, const v1::StreamLogsRequest* request) override;
  grpc::ServerUnaryReactor* WaitSession(grpc::CallbackServerContext* context,
                                        const v1::WaitSessionRequest* request,
                                        v1::Session* response) override;
  grpc::ServerUnaryReactor* KeepAlive(grpc::CallbackServerContext* context,
                                      const v1::KeepAliveRequest* request,
                                      v1::KeepAliveResponse* response) override;

  // --- not there yet ----------------------------------------------------------------------------
  grpc::ServerUnaryReactor* CreateGrant(grpc::CallbackServerContext* context,
                                        const v1::CreateGrantRequest* request,
                                        v1::CreateGrantResponse* response) override;
  grpc::ServerUnaryReactor* RevokeGrant(grpc::CallbackServerContext* context,
                                        const v1::RevokeGrantRequest* request,
                                        v1::RevokeGrantResponse* response) override;

 private:
  Edge& edge_;
  LeaderClient leader_;
  WatchMessages watch_messages_;
};

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_SESSIONS_H_
