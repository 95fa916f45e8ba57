#include "controller/api/admin.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "base/version.h"
#include "controller/api/call.h"
#include "controller/api/convert.h"
#include "controller/api/leader_client.h"
#include "controller/session/session.h"
#include "spawner/v1/admin.grpc.pb.h"

namespace spawner::api {
namespace {

using Context = grpc::CallbackServerContext;
using Unary = grpc::ServerUnaryReactor;

Unary* Refuse(Context* context, absl::string_view method) {
  Unary* reactor = context->DefaultReactor();
  reactor->Finish(NotThereYet(method));
  return reactor;
}

template <typename Response>
class RefusingStream final : public grpc::ServerWriteReactor<Response> {
 public:
  explicit RefusingStream(absl::string_view method) { this->Finish(NotThereYet(method)); }
  void OnDone() override { delete this; }
};

void WriteStatus(const core::CoreStatus& status, absl::Time start_time,
                 v1::GetStatusResponse& out) {
  out.set_version(kVersion);
  out.set_controller_id(status.controller_id);
  out.set_is_leader(status.is_leader);
  out.set_leader_id(status.leader_id);
  out.set_leader_address(status.leader_address);
  out.set_leadership(status.leadership);
  out.set_kubernetes(status.kubernetes);
  out.set_kubernetes_reachable(status.kubernetes_status.ok());
  out.set_kubernetes_error(std::string(status.kubernetes_status.message()));
  for (const std::string& ns : status.namespaces) out.add_namespaces(ns);
  for (const auto& [state, count] : status.sessions) {
    (*out.mutable_sessions_by_state())[std::string(Name(state))] = count;
  }
  out.mutable_kubernetes_requests()->insert(status.kubernetes_requests.begin(),
                                            status.kubernetes_requests.end());
  for (const core::ProxyInfo& proxy : status.proxies) {
    v1::ProxyStatus& added = *out.add_proxies();
    added.set_id(proxy.id);
    added.set_pod(proxy.pod);
    added.set_version(proxy.version);
    added.set_connected(proxy.is_connected);
    if (!proxy.is_connected) *added.mutable_lost_for() = WriteDuration(proxy.lost_for);
    added.set_route_version(proxy.route_version);
    added.set_connections(proxy.connections);
  }
  *out.mutable_start_time() = WriteTime(start_time);
}

class AdminService final : public v1::Admin::CallbackService {
 public:
  explicit AdminService(Edge& edge) : edge_(edge), leader_(edge) {}

  Unary* GetStatus(Context* context, const v1::GetStatusRequest* request,
                   v1::GetStatusResponse* response) override {
    return StartCall(edge_, context, CheckRequest(*request),
                     [this, response](const CallPtr& call, core::Service& service) {
                       if (leader_.ShouldAsk(call->context())) return AskForProxies(call, response);
                       WriteStatus(edge_.Status(), edge_.start_time(), *response);
                       call->Finish(absl::OkStatus());
                     });
  }
  Unary* ListProxies(Context* context, const v1::ListProxiesRequest* request,
                     v1::ListProxiesResponse* response) override {
    return Refuse(context, "ListProxies");
  }
  Unary* DrainProxy(Context* context, const v1::DrainProxyRequest* request,
                    v1::DrainProxyResponse* response) override {
    return Refuse(context, "DrainProxy");
  }
  Unary* DrainNode(Context* context, const v1::DrainNodeRequest* request,
                   v1::DrainNodeResponse* response) override {
    return Refuse(context, "DrainNode");
  }
  Unary* RotateKeys(Context* context, const v1::RotateKeysRequest* request,
                    v1::RotateKeysResponse* response) override {
    return Refuse(context, "RotateKeys");
  }
  grpc::ServerWriteReactor<v1::DiagnoseResponse>* Diagnose(
      Context* context, const v1::DiagnoseRequest* request) override {
    return new RefusingStream<v1::DiagnoseResponse>("Diagnose");
  }
  grpc::ServerWriteReactor<v1::UninstallResponse>* Uninstall(
      Context* context, const v1::UninstallRequest* request) override {
    return new RefusingStream<v1::UninstallResponse>("Uninstall");
  }
  Unary* GetQuotas(Context* context, const v1::GetQuotasRequest* request,
                   v1::GetQuotasResponse* response) override {
    return Refuse(context, "GetQuotas");
  }

 private:
  // Our own status, with the proxies as the leader knows them: they report to it alone. If it does
  // not answer, with what we know.
  void AskForProxies(const CallPtr& call, v1::GetStatusResponse* response) {
    leader_.FindStatus(call->context(),
                       [edge = &edge_, call, response](const grpc::Status& status,
                                                       const v1::GetStatusResponse& leader) {
                         if (!call->is_open()) return;
                         if (edge->service() == nullptr) return call->Finish(edge->NotReady());
                         WriteStatus(edge->Status(), edge->start_time(), *response);
                         if (status.ok() && leader.is_leader())
                           *response->mutable_proxies() = leader.proxies();
                         call->Finish(absl::OkStatus());
                       });
  }

  Edge& edge_;
  LeaderClient leader_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeAdminService(Edge& edge) {
  return std::make_unique<AdminService>(edge);
}

}  // namespace spawner::api
