#include "controller/api/uninstall.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/api/call.h"
#include "controller/api/step_stream.h"
#include "controller/core/operations.h"
#include "controller/core/removal.h"

namespace spawner::api {
namespace {

class UninstallStream final : public StepStream<v1::UninstallResponse> {
 public:
  UninstallStream(Edge& edge, grpc::CallbackServerContext* context, bool confirm)
      : StepStream(edge, context), confirm_(confirm) {}

 private:
  void Run() override {
    const core::CoreStatus status = edge().Status();
    if (!status.is_leader) {
      return Close(WithRetryAfter(
          WithReason(
              absl::UnavailableError(absl::StrCat(
                  "uninstall: the controller that leads has to do it, ",
                  status.leader_address.empty()
                      ? "and nobody leads yet: try again"
                      : absl::StrCat("at ", status.leader_address, " (", status.leader_id, ")"))),
              "NO_LEADER", {{"leader", status.leader_address}}),
          kNotReadyRetry));
    }
    const core::Operations& operations = *edge().operations();
    const std::string ns = absl::StrCat("/namespaces/", operations.system_namespace);
    core::Service* service = edge().service();
    removal_ = std::make_shared<core::Removal>(
        core::Removal::Sessions{
            .list = [service](const core::ListParams& params) { return service->List(params); },
            .terminate =
                [service](core::TerminateParams params, core::Service::ViewDone done) {
                  service->Terminate(std::move(params), std::move(done));
                }},
        *operations.kube,
        core::RemovalOptions{.objects = {absl::StrCat("/api/v1", ns, "/secrets/spawner-keys"),
                                         absl::StrCat("/apis/coordination.k8s.io/v1", ns,
                                                      "/leases/spawner-controller")},
                             .confirm = confirm_});
    removal_->Start(
        [this](const std::string& message) {
          v1::UninstallResponse response;
          response.set_message(message);
          Tell(std::move(response));
        },
        [this](const absl::Status& end) { Close(end); });
  }

  void Stop() override { removal_.reset(); }

  const bool confirm_;
  std::shared_ptr<core::Removal> removal_;  // and what is in flight, weakly
};

}  // namespace

grpc::ServerWriteReactor<v1::UninstallResponse>* StartUninstall(
    Edge& edge, grpc::CallbackServerContext* context, const v1::UninstallRequest& request) {
  auto* stream = new UninstallStream(edge, context, request.confirm());
  absl::Status refusal = CheckRequest(request);
  if (refusal.ok() && edge.operations() == nullptr) {
    refusal = absl::UnimplementedError("Uninstall: this controller has no Kubernetes to ask");
  }
  stream->Begin(refusal);
  return stream;
}

}  // namespace spawner::api
