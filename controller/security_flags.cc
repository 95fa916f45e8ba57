#include "controller/security_flags.h"

#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/ids.h"
#include "base/status.h"
#include "controller/auth/oidc.h"

ABSL_FLAG(std::string, tls_cert, "",
          "FILE in PEM: our certificate and its chain for --listen, read again as it changes. "
          "Empty: no TLS.");
ABSL_FLAG(std::string, tls_key, "", "FILE in PEM: the key of --tls-cert.");
ABSL_FLAG(std::string, client_ca, "",
          "FILE in PEM: takes client certificates of these authorities; CN (else a URI) is the "
          "caller's name, each O a group.");
ABSL_FLAG(std::string, peer_ca, "",
          "FILE in PEM: authorities of the other controllers' --tls-cert. Empty: --client-ca, else "
          "--tls-cert itself.");
ABSL_FLAG(std::string, token_file, "",
          "FILE of static tokens, a line each: token,user,group,...; among the groups ns=NAME, "
          "ns=* and proxy are rights. Read again as it changes.");
ABSL_FLAG(std::string, token_secret, "",
          "NAME of a Secret in the controller's own namespace with static tokens: each of its keys "
          "holds lines as of --token-file. Read again every 10 s.");
ABSL_FLAG(bool, auth_kubernetes, false,
          "Takes tokens of Kubernetes ServiceAccounts (and whatever else the API server knows), by "
          "TokenReview.");
ABSL_FLAG(std::string, auth_audience, "spawner",
          "Audience that a ServiceAccount's token must be for; separate several by commas. "
          "Empty: the API server's own.");
ABSL_FLAG(std::string, oidc_issuer, "", "URL: takes JWTs of this OpenID Connect issuer.");
ABSL_FLAG(std::string, oidc_audience, "",
          "Audience that a JWT must be for; repeat it or separate by commas.");
ABSL_FLAG(std::string, oidc_jwks_url, "",
          "URL of the issuer's keys, https://HOST[:PORT]/PATH. Empty: where the issuer's "
          "/.well-known/openid-configuration says.");
ABSL_FLAG(std::string, oidc_jwks_file, "", "FILE with the issuer's keys, instead of a URL.");
ABSL_FLAG(std::string, oidc_ca, "",
          "FILE in PEM: authorities of the issuer and its keys' URL. Empty: the system's.");
ABSL_FLAG(std::string, oidc_user_claim, "sub", "Claim that names the user.");
ABSL_FLAG(std::string, oidc_groups_claim, "groups", "Claim that lists the user's groups.");
ABSL_FLAG(std::string, oidc_prefix,
          "oidc:", "Before names and groups of JWTs, so that an issuer can name nobody else's.");
ABSL_FLAG(std::string, proxy_name, "",
          "Name of client certificates that may be proxies without a right in Kubernetes; repeat "
          "it or separate by commas.");
ABSL_FLAG(bool, insecure_allow_anonymous, false,
          "Everybody who reaches --listen may do everything without credentials: for development.");

namespace spawner {
namespace {

absl::Status Bad(absl::string_view flag, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("--", flag, ": ", why));
}

std::vector<std::string> Words(const std::string& text) {
  return absl::StrSplit(text, ',', absl::SkipEmpty());
}

bool IsLoopback(const Address& address) {
  return absl::StartsWith(address.ip, "127.") || address.ip == "::1";
}

absl::Status CheckOidc(const SecurityFlags& flags) {
  if (flags.oidc_issuer.empty()) {
    if (flags.oidc_jwks_url.empty() && flags.oidc_jwks_file.empty()) return absl::OkStatus();
    return Bad("oidc-issuer", "is missing; --oidc-jwks-url and --oidc-jwks-file are of an issuer");
  }
  if (flags.oidc_audiences.empty()) {
    return Bad("oidc-audience", "is missing; a JWT for anybody else must not be good here");
  }
  if (!flags.oidc_jwks_url.empty() && !flags.oidc_jwks_file.empty()) {
    return Bad("oidc-jwks-url",
               "give one of --oidc-jwks-url=URL and --oidc-jwks-file=FILE, or neither: then the "
               "issuer's discovery document says where its keys are");
  }
  if (!flags.oidc_jwks_file.empty()) return absl::OkStatus();
  const bool has_url = !flags.oidc_jwks_url.empty();
  const std::string& url = has_url ? flags.oidc_jwks_url : flags.oidc_issuer;
  if (auth::IsIssuerUrl(url)) return absl::OkStatus();
  return Bad(has_url ? "oidc-jwks-url" : "oidc-issuer",
             absl::StrCat("\"", url,
                          "\" must begin with https://, or with http://127.0.0.1: on this "
                          "machine"));
}

}  // namespace

absl::StatusOr<SecurityFlags> ReadSecurityFlags(const Address& listen, const Address& http_listen) {
  SecurityFlags flags{.tls = {.cert = absl::GetFlag(FLAGS_tls_cert),
                              .key = absl::GetFlag(FLAGS_tls_key),
                              .client_ca = absl::GetFlag(FLAGS_client_ca)},
                      .peer_ca = absl::GetFlag(FLAGS_peer_ca),
                      .token_file = absl::GetFlag(FLAGS_token_file),
                      .token_secret = absl::GetFlag(FLAGS_token_secret),
                      .auth_kubernetes = absl::GetFlag(FLAGS_auth_kubernetes),
                      .audiences = Words(absl::GetFlag(FLAGS_auth_audience)),
                      .oidc_issuer = absl::GetFlag(FLAGS_oidc_issuer),
                      .oidc_audiences = Words(absl::GetFlag(FLAGS_oidc_audience)),
                      .oidc_jwks_url = absl::GetFlag(FLAGS_oidc_jwks_url),
                      .oidc_jwks_file = absl::GetFlag(FLAGS_oidc_jwks_file),
                      .oidc_ca = absl::GetFlag(FLAGS_oidc_ca),
                      .oidc_user_claim = absl::GetFlag(FLAGS_oidc_user_claim),
                      .oidc_groups_claim = absl::GetFlag(FLAGS_oidc_groups_claim),
                      .oidc_prefix = absl::GetFlag(FLAGS_oidc_prefix),
                      .proxy_names = Words(absl::GetFlag(FLAGS_proxy_name)),
                      .allows_anonymous = absl::GetFlag(FLAGS_insecure_allow_anonymous)};
  if (const absl::Status status = CheckTlsFiles(flags.tls); !status.ok()) {
    return Bad("tls-cert, --tls-key, --client-ca", status.message());
  }
  RETURN_IF_ERROR(CheckOidc(flags));
  if (!flags.token_secret.empty() && !IsDnsLabel(flags.token_secret)) {
    return Bad(absl::StrCat("token-secret=", flags.token_secret),
               "allowed is a name of 1 to 63 characters of a-z, 0-9 and '-'");
  }
  if (!flags.proxy_names.empty() && flags.tls.client_ca.empty()) {
    return Bad("proxy-name", "needs --client-ca, whose certificates have names");
  }
  if (flags.HasAny() || flags.allows_anonymous) return flags;
  for (const auto& [name, address] :
       {std::pair("listen=", &listen), {"http-listen=", &http_listen}}) {
    if (IsLoopback(*address)) continue;
    return Bad(absl::StrCat(name, ToString(*address)),
               "whoever reaches it could do everything. Say who may call by --auth-kubernetes, "
               "--token-file=FILE, --token-secret=NAME, --client-ca=FILE or --oidc-issuer=URL "
               "(docs/security.md), listen on 127.0.0.1, or give --insecure-allow-anonymous for "
               "development");
  }
  return flags;
}

}  // namespace spawner
