#ifndef SPAWNER_CONTROLLER_KUBE_KUBECONFIG_H_
#define SPAWNER_CONTROLLER_KUBE_KUBECONFIG_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace spawner::kube {

// Where the API server is, and who we are to it. Certificates and keys are PEM text, read once.
struct KubeConfig {
  std::string server;            // "https://10.0.0.1:6443", no '/' at its end
  std::string ca_pem;            // empty: the system's authorities
  bool skip_tls_verify = false;  // any certificate will do: for development
  std::string tls_server_name;   // verified instead of the server's host; empty: that
  std::string client_cert_pem;   // empty: none
  std::string client_key_pem;
  std::string token;                  // bearer; empty: none
  std::string token_file;             // in place of `token`: read again as it rotates
  std::string ns;                     // of the context, or of our own pod; empty: not said
  std::vector<std::string> warnings;  // what an operator should know
};

// From a kubeconfig file, as kubectl reads it; `context` empty: its current-context. Relative paths
// in it start at the file's directory. NOT_FOUND or PERMISSION_DENIED: a file can't be read;
// INVALID_ARGUMENT: what is wrong in it, and where. exec and auth-provider plugins, basic
// authentication, impersonation and proxies are refused.
absl::StatusOr<KubeConfig> ReadKubeconfig(const std::string& path, const std::string& context = "");

// What Kubernetes gives to each pod with a service account.
struct InClusterSource {
  std::string host;  // $KUBERNETES_SERVICE_HOST
  std::string port;  // $KUBERNETES_SERVICE_PORT
  std::string directory = "/var/run/secrets/kubernetes.io/serviceaccount";
};

// FAILED_PRECONDITION: this process runs in no pod. Else as ReadKubeconfig.
absl::StatusOr<KubeConfig> ReadInClusterConfig(const InClusterSource& source);

}  // namespace spawner::kube

#endif  // SPAWNER_CONTROLLER_KUBE_KUBECONFIG_H_
