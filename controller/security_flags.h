#ifndef SPAWNER_CONTROLLER_SECURITY_FLAGS_H_
#define SPAWNER_CONTROLLER_SECURITY_FLAGS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/address.h"
#include "base/grpc_security.h"

namespace spawner {

// The flags of who may call, and how. --help is the reference, docs/security.md the guide.
struct SecurityFlags {
  TlsServerFiles tls;
  std::string peer_ca;  // empty: client_ca, else the certificate itself
  std::string token_file;
  std::string token_secret;
  bool auth_kubernetes = false;
  std::vector<std::string> audiences;
  std::string oidc_issuer;
  std::vector<std::string> oidc_audiences;
  std::string oidc_jwks_url;
  std::string oidc_jwks_file;
  std::string oidc_ca;
  std::string oidc_user_claim;
  std::string oidc_groups_claim;
  std::string oidc_prefix;
  std::vector<std::string> proxy_names;
  bool allows_anonymous = false;

  // Whose rights nobody but Kubernetes knows. (A static token's line may say them, or not.)
  bool AsksRbac() const {
    return auth_kubernetes || !oidc_issuer.empty() || !tls.client_ca.empty();
  }
  bool HasAny() const { return !token_file.empty() || !token_secret.empty() || AsksRbac(); }
};

// Of the flags as they are parsed. INVALID_ARGUMENT is one line that says what is allowed. A port,
// be it of gRPC or of HTTP, that others than this machine reach needs a way to authenticate.
absl::StatusOr<SecurityFlags> ReadSecurityFlags(const Address& listen, const Address& http_listen);

}  // namespace spawner

#endif  // SPAWNER_CONTROLLER_SECURITY_FLAGS_H_
