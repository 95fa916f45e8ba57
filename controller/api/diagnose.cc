#include "controller/api/diagnose.h"

#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/ids.h"
#include "base/version.h"
#include "controller/api/call.h"
#include "controller/api/convert.h"
#include "controller/api/step_stream.h"
#include "controller/core/diagnosis.h"
#include "controller/core/operations.h"

namespace spawner::api {
namespace {

// No session has it: ids have 26 letters.
constexpr char kProbeId[] = "doctor";

core::ProxyInfo ReadProxy(const v1::ProxyStatus& proxy) {
  return {.id = proxy.id(),
          .pod = proxy.pod(),
          .version = proxy.version(),
          .is_connected = proxy.connected()};
}

class DiagnoseStream final : public StepStream<v1::DiagnoseResponse> {
 public:
  DiagnoseStream(Edge& edge, LeaderClient& leader, grpc::CallbackServerContext* context)
      : StepStream(edge, context), leader_(leader) {}

 private:
  void Run() override {
    v1::DiagnoseResponse version;
    version.set_check("controller.version");
    version.set_ok(true);
    version.set_message(absl::StrCat(kVersion, ", ", edge().Status().controller_id));
    *version.mutable_time() = WriteTime(edge().clock().WallNow());
    version.set_probe_url(edge().urls().UrlOf(SessionId{kProbeId}));
    Tell(std::move(version));
    if (!leader_.ShouldAsk(context())) return OnStatus(edge().Status());
    // Proxies report to the leader alone.
    leader_.FindStatus(context(), [self = cell(), this](const grpc::Status& status,
                                                        const v1::GetStatusResponse& leader) {
      if (*self == nullptr) return;
      core::CoreStatus known = edge().Status();
      if (status.ok() && leader.is_leader()) {
        known.proxies.clear();
        for (const v1::ProxyStatus& proxy : leader.proxies()) {
          known.proxies.push_back(ReadProxy(proxy));
        }
      }
      OnStatus(known);
    });
  }

  void OnStatus(const core::CoreStatus& status) {
    for (const core::Finding& finding : core::FindingsOf(status)) TellFinding(finding);
    const core::Operations& operations = *edge().operations();
    std::set<std::string> proxy_namespaces;
    for (const core::ProxyInfo& proxy : edge().Status().proxies) {
      if (!proxy.pod_namespace.empty()) proxy_namespaces.insert(proxy.pod_namespace);
    }
    diagnosis_ = std::make_shared<core::Diagnosis>(
        *operations.kube, edge().clock(),
        core::DiagnosisOptions{.namespaces = edge().namespaces(),
                               .system_namespace = operations.system_namespace,
                               .is_local = operations.is_local,
                               .reviews_tokens = operations.reviews_tokens,
                               .reviews_access = operations.reviews_access,
                               .token_secret = operations.token_secret,
                               .proxy_namespaces = std::move(proxy_namespaces)});
    diagnosis_->Start([this](const core::Finding& finding) { TellFinding(finding); },
                      [this] { Close(absl::OkStatus()); });
  }

  void TellFinding(const core::Finding& finding) {
    v1::DiagnoseResponse response;
    response.set_check(finding.check);
    response.set_ok(finding.is_ok);
    response.set_message(finding.message);
    response.set_remedy(finding.remedy);
    Tell(std::move(response));
  }

  void Stop() override { diagnosis_.reset(); }

  LeaderClient& leader_;
  std::shared_ptr<core::Diagnosis> diagnosis_;  // and its request in flight, weakly
};

}  // namespace

grpc::ServerWriteReactor<v1::DiagnoseResponse>* StartDiagnose(Edge& edge, LeaderClient& leader,
                                                              grpc::CallbackServerContext* context,
                                                              const v1::DiagnoseRequest& request) {
  auto* stream = new DiagnoseStream(edge, leader, context);
  absl::Status refusal = CheckRequest(request);
  if (refusal.ok() && edge.operations() == nullptr) {
    refusal = absl::UnimplementedError("Diagnose: this controller has no Kubernetes to ask");
  }
  stream->Begin(refusal);
  return stream;
}

}  // namespace spawner::api
