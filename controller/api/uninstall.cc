#include "controller/api/uninstall.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/api/call.h"
#include "controller/api/limits.h"
#include "controller/api/step_stream.h"
#include "controller/api/stream_relay.h"
#include "controller/core/operations.h"
#include "controller/core/removal.h"

namespace spawner::api {
namespace {

using UninstallRelay = StreamRelay<v1::UninstallResponse>;

class UninstallStream final : public StepStream<v1::UninstallResponse>,
                              public UninstallRelay::Reader {
 public:
  UninstallStream(Edge& edge, LeaderClient& leader, grpc::CallbackServerContext* context,
                  v1::UninstallRequest request)
      : StepStream(edge, context), leader_(leader), request_(std::move(request)) {}

  // --- UninstallRelay::Reader -------------------------------------------------------------------
  void OnRelayed(v1::UninstallResponse& message) override {
    Tell(std::move(message));
    relay_->ReadNext();
  }
  void OnRelayEnd(const absl::Status& status) override {
    relay_.reset();
    if (is_stopped_) return Release();
    Close(ReasonOf(status).empty() && absl::IsUnavailable(status) ? NobodyLeads() : status);
  }

 private:
  static absl::Status NobodyLeads() {
    return WithRetryAfter(WithReason(absl::UnavailableError(
                                         "uninstall: the controller that leads has to do it, and "
                                         "none answers; an election takes some seconds, try again"),
                                     "NO_LEADER", {{"leader", ""}}),
                          kNotReadyRetry);
  }

  void Run() override {
    if (edge().Status().is_leader) return Remove();
    if (!leader_.ShouldAsk(context())) return Close(NobodyLeads());
    relay_ = std::make_unique<UninstallRelay>(edge(), *this, [this](UninstallRelay* relay) {
      return leader_.BindUninstall(context(), request_, relay);
    });
  }

  void Remove() {
    const core::Operations& operations = *edge().operations();
    const std::string ns = absl::StrCat("/namespaces/", operations.system_namespace);
    core::Service* service = edge().service();
    removal_ = std::make_shared<core::Removal>(
        core::Removal::Sessions{
            .all = edge().all_sessions(),
            .terminate =
                [service](core::TerminateParams params, core::Service::ViewDone done) {
                  service->Terminate(std::move(params), std::move(done));
                }},
        *operations.kube,
        core::RemovalOptions{.objects = {absl::StrCat("/api/v1", ns, "/secrets/spawner-keys"),
                                         absl::StrCat("/apis/coordination.k8s.io/v1", ns,
                                                      "/leases/spawner-controller")},
                             .confirm = request_.confirm()});
    removal_->Start(
        [this](const std::string& message) {
          v1::UninstallResponse response;
          response.set_message(message);
          Tell(std::move(response));
        },
        [this](const absl::Status& end) { Close(end); });
  }

  void Stop() override {
    is_stopped_ = true;
    removal_.reset();
    if (relay_ != nullptr) relay_->Cancel();
  }
  bool IsHeld() const override { return relay_ != nullptr; }

  LeaderClient& leader_;
  const v1::UninstallRequest request_;
  bool is_stopped_ = false;
  std::shared_ptr<core::Removal> removal_;  // and what is in flight, weakly
  std::unique_ptr<UninstallRelay> relay_;   // until gRPC has let go of it
};

}  // namespace

grpc::ServerWriteReactor<v1::UninstallResponse>* StartUninstall(
    Edge& edge, LeaderClient& leader, grpc::CallbackServerContext* context,
    const v1::UninstallRequest& request) {
  auto* stream = new UninstallStream(edge, leader, context, request);
  absl::Status refusal = CheckRequest(request);
  if (refusal.ok() && edge.operations() == nullptr) {
    refusal = absl::UnimplementedError("Uninstall: this controller has no Kubernetes to ask");
  }
  stream->Begin(refusal);
  return stream;
}

}  // namespace spawner::api
