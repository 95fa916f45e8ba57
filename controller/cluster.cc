#include "controller/cluster.h"

#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "controller/kube/curl_transport.h"
#include "controller/kube/kubeconfig.h"
#include "controller/local/local_kubernetes.h"

namespace spawner {
namespace {

constexpr char kDefaultNamespace[] = "default";
// Nobody else can lead a cluster inside this process: a busy machine that stands still for seconds
// must not cost the lead, and with it every session that was not decided yet.
constexpr absl::Duration kLocalLeaseDuration = absl::Minutes(2);

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::string HostName() {
  char name[256] = {};
  if (gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0') return "controller";
  return name;
}

absl::StatusOr<kube::KubeConfig> ReadConfig(const ControllerFlags& flags,
                                            const Surroundings& surroundings) {
  if (!flags.kubeconfig.empty()) return kube::ReadKubeconfig(flags.kubeconfig);
  if (surroundings.service_host.empty()) {
    return absl::InvalidArgumentError(
        "which Kubernetes? This is no pod: give --kubeconfig=FILE, or --local for none at all");
  }
  return kube::ReadInClusterConfig(
      {.host = surroundings.service_host, .port = surroundings.service_port});
}

std::string FirstOf(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    if (!text.empty()) return text;
  }
  return kDefaultNamespace;
}

}  // namespace

Surroundings ReadSurroundings() {
  Surroundings surroundings{.pod_name = Variable("POD_NAME"),
                            .pod_namespace = Variable("POD_NAMESPACE"),
                            .pod_ip = Variable("POD_IP"),
                            .service_host = Variable("KUBERNETES_SERVICE_HOST"),
                            .service_port = Variable("KUBERNETES_SERVICE_PORT")};
  if (surroundings.pod_name.empty()) surroundings.pod_name = HostName();
  return surroundings;
}

absl::StatusOr<Cluster> OpenCluster(const ControllerFlags& flags, const Surroundings& surroundings,
                                    const Clock& clock, Random& random) {
  Cluster cluster;
  cluster.namespaces = flags.namespaces;
  if (flags.local) {
    ASSIGN_OR_RETURN(cluster.runtime, local::ProcessRuntime::Create(
                                          clock, local::ProcessRuntime::DefaultsOfThisProcess()));
    cluster.transport = std::make_unique<local::LocalKubernetes>(clock, random, *cluster.runtime);
    if (cluster.namespaces.empty()) cluster.namespaces = {kDefaultNamespace};
    cluster.system_namespace = kDefaultNamespace;
    cluster.lease.ns = cluster.system_namespace;
    cluster.lease.lease_duration = kLocalLeaseDuration;
    cluster.lease.renew_deadline = cluster.lease.request_patience = kLocalLeaseDuration / 2;
    return cluster;
  }
  ASSIGN_OR_RETURN(kube::KubeConfig config, ReadConfig(flags, surroundings));
  for (const std::string& warning : config.warnings) {
    Log(LogLevel::kWarning, "kubeconfig_warned", {{"warning", warning}});
  }
  if (cluster.namespaces.empty()) cluster.namespaces = {FirstOf({config.ns})};
  cluster.system_namespace = FirstOf({surroundings.pod_namespace, config.ns});
  cluster.lease.ns = cluster.system_namespace;
  ASSIGN_OR_RETURN(cluster.transport, kube::CurlTransport::Create(std::move(config), clock));
  return cluster;
}

std::string AdvertisedAddress(const ControllerFlags& flags, const Surroundings& surroundings,
                              int bound_port) {
  if (!flags.advertise_address.empty()) return flags.advertise_address;
  Address address{surroundings.pod_ip, static_cast<uint16_t>(bound_port)};
  if (address.ip.empty()) address.ip = flags.listen.ip;
  // Bound to every address and told none of them: this machine's own.
  if (address.ip == "0.0.0.0") address.ip = "127.0.0.1";
  if (address.ip == "::") address.ip = "::1";
  return ToString(address);
}

}  // namespace spawner
