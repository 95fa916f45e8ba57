// A real cluster, by the kubeconfig in $KUBECONFIG; its namespace $CONTRACT_NAMESPACE has a default
// service account and no other pods, and $CONTRACT_IMAGE is on its nodes.
#include <csignal>
#include <cstdlib>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "controller/kube/curl_transport.h"
#include "controller/kube/kubeconfig.h"
#include "tests/contract/kubernetes_contract.h"

namespace spawner::contract {
namespace {

std::string FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  SPAWNER_CHECK(value != nullptr);  // tests/e2e/test_contract.py sets it
  return value;
}

class ClusterWorld final : public ContractWorld {
 public:
  explicit ClusterWorld(std::unique_ptr<kube::CurlTransport> transport)
      : transport_(std::move(transport)) {}
  kube::HttpTransport& transport() override { return *transport_; }
  const Clock& clock() override { return clock_; }
  std::string ns() const override { return FromEnvironment("CONTRACT_NAMESPACE"); }
  std::string image() const override { return FromEnvironment("CONTRACT_IMAGE"); }
  void Pass() override { transport_->Poll(absl::Milliseconds(100)); }
  // An API server remembers from its own start on: whoever runs this restarts it before.
  void ForgetHistory() override {}

 private:
  SystemClock clock_;
  std::unique_ptr<kube::CurlTransport> transport_;
};

}  // namespace

std::unique_ptr<ContractWorld> MakeContractWorld() {
  static const SystemClock clock;
  std::signal(SIGPIPE, SIG_IGN);
  absl::StatusOr<kube::KubeConfig> config = kube::ReadKubeconfig(FromEnvironment("KUBECONFIG"));
  if (!config.ok()) {
    Log(LogLevel::kError, "kubeconfig_refused", {{"why", config.status().message()}});
    SPAWNER_CHECK(config.ok());
  }
  auto transport = kube::CurlTransport::Create(*std::move(config), clock);
  SPAWNER_CHECK(transport.ok());
  return std::make_unique<ClusterWorld>(*std::move(transport));
}

}  // namespace spawner::contract
