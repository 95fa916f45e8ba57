#ifndef SPAWNER_CONTROLLER_CLUSTER_H_
#define SPAWNER_CONTROLLER_CLUSTER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/random.h"
#include "controller/flags.h"
#include "controller/kube/http_transport.h"
#include "controller/kube/lease.h"
#include "controller/local/process_runtime.h"

namespace spawner {

// What the environment says of us: the pod that we run in, if any.
struct Surroundings {
  std::string pod_name;       // $POD_NAME, else the host's name
  std::string pod_namespace;  // $POD_NAMESPACE
  std::string pod_ip;         // $POD_IP
  std::string service_host;   // $KUBERNETES_SERVICE_HOST
  std::string service_port;   // $KUBERNETES_SERVICE_PORT
};

Surroundings ReadSurroundings();

// The Kubernetes that this controller works on: a real one, or the embedded one of --local.
struct Cluster {
  std::unique_ptr<local::ProcessRuntime> runtime;  // of --local; outlives the transport
  std::unique_ptr<kube::HttpTransport> transport;
  std::string system_namespace;         // where our Lease and our keys are
  std::vector<std::string> namespaces;  // that are served; {"*"}: all
  kube::LeaseOptions lease;             // where and how long; who is left to the caller
};

// Says how to name a cluster if none is named; what is wrong with the kubeconfig otherwise. Does
// not reach for the API server.
absl::StatusOr<Cluster> OpenCluster(const ControllerFlags& flags, const Surroundings& surroundings,
                                    const Clock& clock, Random& random);

// "ADDR:PORT" where others reach our gRPC port.
std::string AdvertisedAddress(const ControllerFlags& flags, const Surroundings& surroundings,
                              int bound_port);

}  // namespace spawner

#endif  // SPAWNER_CONTROLLER_CLUSTER_H_
