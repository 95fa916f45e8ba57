#include "controller/api/admin.h"

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/status.h"
#include "base/version.h"
#include "controller/api/call.h"
#include "controller/api/convert.h"
#include "controller/api/diagnose.h"
#include "controller/api/leader_client.h"
#include "controller/api/limits.h"
#include "controller/api/names.h"
#include "controller/api/uninstall.h"
#include "controller/core/fairness.h"
#include "controller/core/node_drain.h"
#include "controller/session/session.h"
#include "spawner/v1/admin.grpc.pb.h"

namespace spawner::api {
namespace {

using Context = grpc::CallbackServerContext;
using Unary = grpc::ServerUnaryReactor;

void WriteProxies(const core::CoreStatus& status,
                  google::protobuf::RepeatedPtrField<v1::ProxyStatus>& out) {
  for (const core::ProxyInfo& proxy : status.proxies) {
    v1::ProxyStatus& added = *out.Add();
    added.set_id(proxy.id);
    added.set_pod(proxy.pod);
    added.set_version(proxy.version);
    added.set_connected(proxy.is_connected);
    if (!proxy.is_connected) *added.mutable_lost_for() = WriteDuration(proxy.lost_for);
    added.set_route_version(proxy.route_version);
    added.set_connections(proxy.connections);
  }
}

struct DrainOrder {
  std::string proxy;
  std::optional<absl::Duration> deadline;
};

absl::StatusOr<DrainOrder> ReadDrain(const v1::DrainProxyRequest& request) {
  RETURN_IF_ERROR(CheckRequest(request));
  if (request.proxy().empty()) return InvalidField("proxy", "is missing: an id as of ListProxies");
  RETURN_IF_ERROR(CheckText("proxy", request.proxy(), kProxyIdBytesMax));
  DrainOrder order{.proxy = request.proxy(), .deadline = std::nullopt};
  if (!request.has_deadline()) return order;
  ASSIGN_OR_RETURN(order.deadline, ReadDuration("deadline", request.deadline()));
  if (*order.deadline > kProxyDrainMax) {
    return InvalidField("deadline",
                        absl::StrCat("is more than ", absl::FormatDuration(kProxyDrainMax)));
  }
  return order;
}

absl::Status NobodyLeads(absl::string_view tried) {
  return WithRetryAfter(
      WithReason(
          absl::UnavailableError(absl::StrCat(
              tried, ": no controller leads now; an election takes some seconds, try again")),
          "NO_LEADER"),
      kNotReadyRetry);
}

absl::Status CheckDrainNode(const v1::DrainNodeRequest& request) {
  RETURN_IF_ERROR(CheckRequest(request));
  if (request.node().empty())
    return InvalidField("node", "is missing: a name as of kubectl get nodes");
  return CheckText("node", request.node(), kNodeNameBytesMax);
}

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
  WriteProxies(status, *out.mutable_proxies());
  *out.mutable_start_time() = WriteTime(start_time);
}

absl::StatusOr<std::string> ReadQuotas(const Edge& edge, const v1::GetQuotasRequest& request) {
  RETURN_IF_ERROR(CheckRequest(request));
  ASSIGN_OR_RETURN(std::string ns, ParseParent("parent", request.parent()));
  RETURN_IF_ERROR(edge.CheckNamespace(ns));
  return ns;
}

void WriteQuotas(const Edge& edge, const std::string& ns, v1::GetQuotasResponse& response) {
  if (edge.fairness() == nullptr) return;
  for (const core::Fairness::Quota& quota : edge.fairness()->QuotasOf(ns)) {
    v1::GetQuotasResponse::Quota& out = *response.add_quotas();
    out.set_resource(quota.resource);
    out.set_user(quota.user);
    out.set_used(quota.used);
    out.set_allowed(quota.allowed);
  }
}

absl::StatusOr<absl::Duration> ReadOverlap(const v1::RotateKeysRequest& request) {
  RETURN_IF_ERROR(CheckRequest(request));
  if (!request.has_overlap()) return kOverlapDefault;
  ASSIGN_OR_RETURN(const absl::Duration overlap, ReadDuration("overlap", request.overlap()));
  if (overlap > kOverlapMax) {
    return InvalidField("overlap", absl::StrCat(absl::FormatDuration(overlap), "; at most ",
                                                absl::FormatDuration(kOverlapMax)));
  }
  return overlap;
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
    return StartCall(edge_, context, CheckRequest(*request),
                     [this, response](const CallPtr& call, core::Service& service) {
                       if (leader_.ShouldAsk(call->context())) return AskToList(call, response);
                       WriteProxies(service.GetStatus(), *response->mutable_proxies());
                       call->Finish(absl::OkStatus());
                     });
  }
  Unary* DrainProxy(Context* context, const v1::DrainProxyRequest* request,
                    v1::DrainProxyResponse* response) override {
    const absl::StatusOr<DrainOrder> read = ReadDrain(*request);
    const DrainOrder order = read.ok() ? *read : DrainOrder{};
    return StartCall(edge_, context, read.status(),
                     [this, order, request](const CallPtr& call, core::Service& service) {
                       const absl::Status status = service.DrainProxy(order.proxy, order.deadline);
                       if (!leader_.ShouldForward(status, *call)) return call->Finish(status);
                       leader_.DrainProxy(
                           call->context(), *request,
                           [call](const grpc::Status& answer, const v1::DrainProxyResponse&) {
                             if (call->is_open()) call->Finish(answer);
                           });
                     });
  }
  Unary* DrainNode(Context* context, const v1::DrainNodeRequest* request,
                   v1::DrainNodeResponse* response) override {
    return StartCall(edge_, context, CheckDrainNode(*request),
                     [this, request, response](const CallPtr& call, core::Service& service) {
                       if (leader_.ShouldAsk(call->context())) {
                         return leader_.DrainNode(call, *request, response);
                       }
                       Drain(call, service, request->node(), response);
                     });
  }
  Unary* RotateKeys(Context* context, const v1::RotateKeysRequest* request,
                    v1::RotateKeysResponse* response) override {
    const absl::StatusOr<absl::Duration> overlap = ReadOverlap(*request);
    const absl::Duration value = overlap.value_or(absl::ZeroDuration());
    return StartCall(edge_, context, overlap.status(),
                     [this, value, request, response](const CallPtr& call, core::Service&) {
                       if (leader_.ShouldAsk(call->context())) {
                         return leader_.RotateKeys(call, *request, response);
                       }
                       Rotate(call, value, response);
                     });
  }
  grpc::ServerWriteReactor<v1::DiagnoseResponse>* Diagnose(
      Context* context, const v1::DiagnoseRequest* request) override {
    return StartDiagnose(edge_, leader_, context, *request);
  }
  grpc::ServerWriteReactor<v1::UninstallResponse>* Uninstall(
      Context* context, const v1::UninstallRequest* request) override {
    return StartUninstall(edge_, leader_, context, *request);
  }
  Unary* GetQuotas(Context* context, const v1::GetQuotasRequest* request,
                   v1::GetQuotasResponse* response) override {
    const absl::StatusOr<std::string> ns = ReadQuotas(edge_, *request);
    return StartCall(
        edge_, context, ns.status(),
        [this, ns = ns.value_or(""), request, response](const CallPtr& call, core::Service&) {
          if (!leader_.ShouldAsk(call->context())) {
            WriteQuotas(edge_, ns, *response);
            return call->Finish(absl::OkStatus());
          }
          leader_.FindQuotas(
              call->context(), *request,
              [call, response](const grpc::Status& status, const v1::GetQuotasResponse& leader) {
                if (!call->is_open()) return;
                if (status.ok()) *response = leader;
                call->Finish(status);
              });
        });
  }

 private:
  void Drain(const CallPtr& call, core::Service& service, const std::string& node,
             v1::DrainNodeResponse* response) {
    if (!edge_.Status().is_leader) return call->Finish(NobodyLeads("drain node"));
    const auto drain = std::make_shared<core::NodeDrain>(
        core::NodeDrain::Sessions{
            .all = edge_.all_sessions(),
            .terminate =
                [&service](core::TerminateParams params, core::Service::ViewDone done) {
                  service.Terminate(std::move(params), std::move(done));
                }},
        node);
    call->OnFinish([drain] {});  // which keeps it until then
    drain->Start([call, response](const absl::StatusOr<core::NodeDrainResult>& result) {
      if (!call->is_open()) return;
      if (result.ok()) {
        response->set_ended(result->ended);
        response->set_waiting(result->waiting);
      }
      call->Finish(result.status());
    });
  }
  // Only the leader's proxies hear of it at once.
  void Rotate(const CallPtr& call, absl::Duration overlap, v1::RotateKeysResponse* response) {
    if (!edge_.Status().is_leader) {
      return call->Finish(NobodyLeads("rotate keys"));
    }
    edge_.RotateKeys(overlap, [call, response](const absl::StatusOr<Rotated>& rotated) {
      if (!call->is_open()) return;
      if (rotated.ok()) {
        response->set_key_id(rotated->key_id);
        *response->mutable_retire_time() = WriteTime(rotated->retire_time);
      }
      call->Finish(rotated.status());
    });
  }
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

  // The proxies as the leader knows them; if it does not answer, as we do.
  void AskToList(const CallPtr& call, v1::ListProxiesResponse* response) {
    leader_.FindStatus(call->context(),
                       [edge = &edge_, call, response](const grpc::Status& status,
                                                       const v1::GetStatusResponse& leader) {
                         if (!call->is_open()) return;
                         if (edge->service() == nullptr) return call->Finish(edge->NotReady());
                         if (status.ok() && leader.is_leader()) {
                           *response->mutable_proxies() = leader.proxies();
                         } else {
                           WriteProxies(edge->Status(), *response->mutable_proxies());
                         }
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
