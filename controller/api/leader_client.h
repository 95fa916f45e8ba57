#ifndef SPAWNER_CONTROLLER_API_LEADER_CLIENT_H_
#define SPAWNER_CONTROLLER_API_LEADER_CLIENT_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "controller/api/call.h"
#include "controller/api/edge.h"
#include "spawner/v1/admin.grpc.pb.h"
#include "spawner/v1/sessions.grpc.pb.h"

namespace spawner::api {

// What a forwarded call ends with when the leader did not answer: one's own view has to do.
bool IsNoAnswer(const grpc::Status& status);

// Passes on to the leader what a standby may not do, so that a plain client behind a Service just
// works: same deadline, cancelled with the call it serves, one hop at most (metadata
// `spawner-forwarded: 1`).
// Thread: the loop's. Owner: SessionsService, AdminService, each its own.
class LeaderClient {
 public:
  explicit LeaderClient(Edge& edge) : edge_(edge) {}

  // Whether `status` says that only the leader can do it, the leader's address is known, and the
  // call has not been forwarded already.
  bool ShouldForward(const absl::Status& status, Call& call) const;

  // Whether the leader can say more than we can: what proxies report goes to it alone.
  bool ShouldAsk(const grpc::CallbackServerContext& context) const;

  // `response` is the call's; it is written and the call finished when the leader has answered.
  // With `otherwise` we have an answer of our own: that has to do if the leader does not answer in
  // time.
  void Connect(const CallPtr& call, const v1::ConnectRequest& request,
               v1::ConnectResponse* response, std::function<void()> otherwise = nullptr);
  void Terminate(const CallPtr& call, const v1::TerminateSessionRequest& request,
                 v1::Session* response);
  void KeepAlive(const CallPtr& call, const v1::KeepAliveRequest& request,
                 v1::KeepAliveResponse* response);
  void Wait(const CallPtr& call, const v1::WaitSessionRequest& request, v1::Session* response);
  void CreateGrant(const CallPtr& call, const v1::CreateGrantRequest& request,
                   v1::CreateGrantResponse* response, std::function<void()> otherwise = nullptr);
  void RevokeGrant(const CallPtr& call, const v1::RevokeGrantRequest& request,
                   v1::RevokeGrantResponse* response);
  void RotateKeys(const CallPtr& call, const v1::RotateKeysRequest& request,
                  v1::RotateKeysResponse* response);
  void DrainNode(const CallPtr& call, const v1::DrainNodeRequest& request,
                 v1::DrainNodeResponse* response);
  // The same; if the leader does not answer in time `otherwise` has to.
  void Get(const CallPtr& call, const v1::GetSessionRequest& request, v1::Session* response,
           std::function<void()> otherwise);
  void List(const CallPtr& call, const v1::ListSessionsRequest& request,
            v1::ListSessionsResponse* response, std::function<void()> otherwise);
  void Explain(const CallPtr& call, const v1::ExplainSessionRequest& request,
               v1::ExplainSessionResponse* response, std::function<void()> otherwise);
  // For what is no unary call: the session as the leader knows it. `context` is the one of the call
  // that asks; see IsNoAnswer.
  void Find(grpc::CallbackServerContext& context, const v1::GetSessionRequest& request,
            std::function<void(const grpc::Status&, const v1::Session&)> done);
  // The same for what the leader says of itself, and of the proxies.
  void FindStatus(grpc::CallbackServerContext& context,
                  std::function<void(const grpc::Status&, const v1::GetStatusResponse&)> done);
  void DrainProxy(grpc::CallbackServerContext& context, const v1::DrainProxyRequest& request,
                  std::function<void(const grpc::Status&, const v1::DrainProxyResponse&)> done);
  // The same for what the leader counts.
  void FindQuotas(grpc::CallbackServerContext& context, const v1::GetQuotasRequest& request,
                  std::function<void(const grpc::Status&, const v1::GetQuotasResponse&)> done);
  // A watch at the leader, still to be started by StartCall. The context ends with the call, which
  // is cancelled with the one that `context` is of.
  std::unique_ptr<grpc::ClientContext> BindWatch(
      grpc::CallbackServerContext& context, const v1::WatchSessionsRequest& request,
      grpc::ClientReadReactor<v1::WatchSessionsResponse>* reactor);
  // The same for the leader's steps.
  std::unique_ptr<grpc::ClientContext> BindUninstall(
      grpc::CallbackServerContext& context, const v1::UninstallRequest& request,
      grpc::ClientReadReactor<v1::UninstallResponse>* reactor);

 private:
  struct Terms {
    absl::Duration patience;
    std::function<void()> otherwise;  // null: the leader's silence is the answer
  };
  static Terms PatienceFor(std::function<void()> otherwise);
  template <typename Request, typename Response, typename Start>
  void Forward(const CallPtr& call, const Request& request, Response* response, Terms terms,
               Start start);
  template <typename Stub, typename Request, typename Response, typename Start>
  void Pass(Stub& stub, const CallPtr& call, const Request& request, Response* response,
            Terms terms, Start start);
  template <typename Request, typename Response, typename Start>
  void Ask(grpc::CallbackServerContext& context, const Request& request, Start start,
           std::function<void(const grpc::Status&, const Response&)> done);
  struct Stubs {
    std::unique_ptr<v1::Sessions::Stub> sessions;
    std::unique_ptr<v1::Admin::Stub> admin;
  };
  // Of the leader as the core knows it now.
  const Stubs& LeaderStubs();

  Edge& edge_;
  std::string address_;
  Stubs stubs_;
};

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_LEADER_CLIENT_H_
