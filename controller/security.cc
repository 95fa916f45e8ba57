#include "controller/security.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/certificate.h"
#include "base/file.h"
#include "base/log.h"
#include "base/status.h"
#include "controller/auth/oidc.h"
#include "controller/auth/secret_tokens.h"
#include "controller/auth/static_tokens.h"
#include "controller/kube/curl_transport.h"
#include "controller/kube/http_transport.h"
#include "controller/kube/kubeconfig.h"

namespace spawner {
namespace {

// All controllers share one certificate (a Secret), and are dialled by the addresses of their pods:
// what is verified is that the other one has our name.
absl::StatusOr<TlsClientFiles> PeerTls(const SecurityFlags& flags) {
  TlsClientFiles peer;
  if (flags.tls.IsEmpty()) return peer;
  peer.ca = flags.peer_ca;
  if (peer.ca.empty()) peer.ca = flags.tls.client_ca;
  if (peer.ca.empty()) peer.ca = flags.tls.cert;
  if (const absl::Status status = CheckTlsFiles(peer); !status.ok()) {
    return Annotate(status, "--peer-ca");
  }
  ASSIGN_OR_RETURN(peer.server_name, CertificateName(flags.tls.cert));
  return peer;
}

absl::StatusOr<std::unique_ptr<auth::Oidc>> OpenOidc(const SecurityFlags& flags,
                                                     const Clock& clock) {
  auth::OidcOptions options{.terms = {.issuer = flags.oidc_issuer,
                                      .audiences = flags.oidc_audiences,
                                      .user_claim = flags.oidc_user_claim,
                                      .groups_claim = flags.oidc_groups_claim,
                                      .prefix = flags.oidc_prefix},
                            .keys_file = flags.oidc_jwks_file,
                            .keys_url = flags.oidc_jwks_url};
  std::string ca_pem;
  if (!flags.oidc_ca.empty()) {
    absl::StatusOr<std::string> pem = ReadFile(flags.oidc_ca, kPemBytesMax);
    if (!pem.ok()) return Annotate(pem.status(), "--oidc-ca");
    ca_pem = *std::move(pem);
  }
  options.connect =
      [ca_pem,
       &clock](const std::string& origin) -> absl::StatusOr<std::unique_ptr<kube::HttpTransport>> {
    kube::KubeConfig server;
    server.server = origin;
    server.ca_pem = ca_pem;
    return kube::CurlTransport::Create(std::move(server), clock);
  };
  return std::make_unique<auth::Oidc>(std::move(options));
}

}  // namespace

absl::StatusOr<Security> OpenSecurity(const SecurityFlags& flags, const Address& listen,
                                      const std::string& system_namespace, const Clock& clock) {
  Security security{.ways = {.asks_kubernetes = flags.auth_kubernetes,
                             .audiences = flags.audiences,
                             .takes_certificates = !flags.tls.client_ca.empty(),
                             .proxy_names = flags.proxy_names,
                             .allows_anonymous = flags.allows_anonymous},
                    .tls = flags.tls};
  ASSIGN_OR_RETURN(security.peer_tls, PeerTls(flags));
  if (!flags.token_file.empty()) {
    absl::StatusOr<auth::StaticTokens> tokens = auth::StaticTokens::Open(flags.token_file);
    if (!tokens.ok()) return Annotate(tokens.status(), "--token-file");
    security.ways.tokens = *std::move(tokens);
  }
  if (!flags.token_secret.empty()) {
    security.ways.token_secret =
        auth::TokenSecret{.ns = system_namespace, .name = flags.token_secret};
  }
  if (!flags.oidc_issuer.empty()) {
    ASSIGN_OR_RETURN(security.ways.oidc, OpenOidc(flags, clock));
  }
  if (!flags.HasAny()) {
    Log(flags.allows_anonymous ? LogLevel::kWarning : LogLevel::kInfo, "everybody_may_call",
        {{"listen", ToString(listen)},
         {"why", flags.allows_anonymous ? "--insecure-allow-anonymous"
                                        : "only this machine reaches it; docs/security.md says how "
                                          "to let others call"}});
  } else if (flags.allows_anonymous) {
    Log(LogLevel::kWarning, "everybody_may_call",
        {{"listen", ToString(listen)}, {"why", "--insecure-allow-anonymous"}});
  }
  return security;
}

}  // namespace spawner
