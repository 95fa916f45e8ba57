#include "controller/flags.h"

#include <algorithm>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/ids.h"
#include "base/status.h"
#include "controller/api/urls.h"
#include "controller/quota_flags.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:9090",
          "ADDR:PORT of gRPC, for applications, proxies and spawnctl.");
ABSL_FLAG(std::string, http_listen, "127.0.0.1:9091",
          "ADDR:PORT of HTTP: the status page, /healthz, /readyz, /metrics, the HTTP API.");
ABSL_FLAG(std::string, http_public_url, "",
          "Where applications reach --http-listen, http(s)://HOST[:PORT]: for the status URLs in "
          "answers. Empty: Connect names none.");
ABSL_FLAG(
    std::string, advertise_address, "",
    "ADDR:PORT where other controllers and proxies reach --listen. Empty: $POD_IP and its port.");
ABSL_FLAG(std::string, kubeconfig, "",
          "FILE that names the cluster and our credentials. Empty: the pod's service account.");
ABSL_FLAG(bool, local, false, "No cluster: sessions are processes of this machine.");
ABSL_FLAG(std::string, namespace, "",
          "Namespace to serve; repeat it or separate by commas; * is all. Empty: the "
          "kubeconfig's, or default.");
ABSL_FLAG(std::string, base_domain, "", "NAME: sessions are https://ID.NAME/.");
ABSL_FLAG(std::string, public_url, "",
          "The proxies as browsers reach them, http(s)://HOST[:PORT]; without --base-domain "
          "sessions are PUBLIC_URL/s/ID/.");
ABSL_FLAG(std::string, lost_proxy_hold, "10m",
          "DURATION for which a proxy that is lost keeps sessions from ending as idle, or never.");
ABSL_FLAG(
    std::string, node_lost_after, "5m",
    "DURATION for which a node may be silent before its sessions end as NODE_LOST, or never.");
ABSL_FLAG(std::string, log_level, "info", "debug, info, warning or error.");

namespace spawner {
namespace {

absl::Status Bad(absl::string_view flag, absl::string_view allowed) {
  return absl::InvalidArgumentError(absl::StrCat(flag, ": allowed is ", allowed));
}

absl::StatusOr<Address> ReadAddress(absl::string_view name, const std::string& text) {
  const absl::StatusOr<Address> address = ParseAddress(text, /*allow_port_zero=*/true);
  if (address.ok()) return *address;
  return Bad(absl::StrCat("--", name, "=", text),
             "ADDR:PORT such as 127.0.0.1:9090 or :9090, PORT 0 to 65535 (0: any free one)");
}

absl::StatusOr<absl::Duration> ReadDuration(absl::string_view name, const std::string& text) {
  absl::Duration duration = absl::InfiniteDuration();
  if (text == "never") return duration;
  if (absl::ParseDuration(text, &duration) && duration >= absl::ZeroDuration() &&
      duration < absl::InfiniteDuration()) {
    return duration;
  }
  return Bad(absl::StrCat("--", name, "=", text), "a duration such as 90s or 5m, or never");
}

absl::StatusOr<std::vector<std::string>> ReadNamespaces(const std::string& text) {
  if (text.empty()) return std::vector<std::string>();
  std::vector<std::string> namespaces = absl::StrSplit(text, ',');
  const bool has_star = std::find(namespaces.begin(), namespaces.end(), "*") != namespaces.end();
  for (const std::string& ns : namespaces) {
    if (ns != "*" && !IsDnsLabel(ns)) {
      return Bad(absl::StrCat("--namespace=", ns),
                 "*, or a name of 1 to 63 characters of a-z, 0-9 and '-'");
    }
  }
  if (has_star) return std::vector<std::string>{"*"};
  std::sort(namespaces.begin(), namespaces.end());
  namespaces.erase(std::unique(namespaces.begin(), namespaces.end()), namespaces.end());
  return namespaces;
}

// Without a slash at the end.
absl::StatusOr<std::string> ReadOrigin(absl::string_view name, std::string text) {
  if (text.empty()) return text;
  // The same rules as for --public-url.
  if (!api::SessionUrls::Make(text, "").ok()) {
    return Bad(absl::StrCat("--", name, "=", text),
               "http://HOST[:PORT] or https://HOST[:PORT], without a path");
  }
  if (text.back() == '/') text.pop_back();
  return text;
}

absl::Status CheckUrls(ControllerFlags& flags) {
  if (flags.local && flags.public_url.empty() && flags.base_domain.empty()) {
    flags.public_url = "http://127.0.0.1:8080";
  }
  return api::SessionUrls::Make(flags.public_url, flags.base_domain).status();
}

}  // namespace

Program ControllerProgram() {
  return {
      .name = "controller",
      .about =
          "runs sessions on Kubernetes, each in a pod of its own.\n\n"
          "  controller --local --public-url=http://127.0.0.1:8080   no cluster needed\n"
          "  controller --kubeconfig=FILE --base-domain=NAME         a cluster, from "
          "outside",
      .flag_files = "controller/",
      .repeatable = {"namespace", "oidc-audience", "proxy-name", "quota-connections-per-namespace",
                     "quota-connections-per-user", "quota-sessions-per-namespace",
                     "quota-sessions-per-user", "quota-starts-per-namespace",
                     "quota-starts-per-user", "rate-connects-per-namespace"}};
}

absl::StatusOr<ControllerFlags> ParseControllerFlags(const std::vector<std::string>& arguments) {
  std::vector<std::string> words;
  RETURN_IF_ERROR(ParseFlags(ControllerProgram(), arguments, &words));
  if (!words.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", words[0], "\": only flags are allowed, see --help"));
  }
  ControllerFlags flags;
  ASSIGN_OR_RETURN(flags.listen, ReadAddress("listen", absl::GetFlag(FLAGS_listen)));
  ASSIGN_OR_RETURN(flags.http_listen, ReadAddress("http-listen", absl::GetFlag(FLAGS_http_listen)));
  flags.advertise_address = absl::GetFlag(FLAGS_advertise_address);
  if (!flags.advertise_address.empty() &&
      !ParseAddress(flags.advertise_address, /*allow_port_zero=*/false).ok()) {
    return Bad(absl::StrCat("--advertise-address=", flags.advertise_address),
               "ADDR:PORT such as 10.0.0.7:9090, PORT 1 to 65535");
  }
  flags.kubeconfig = absl::GetFlag(FLAGS_kubeconfig);
  flags.local = absl::GetFlag(FLAGS_local);
  if (flags.local && !flags.kubeconfig.empty()) {
    return Bad("--local with --kubeconfig", "one of the two");
  }
  ASSIGN_OR_RETURN(flags.namespaces, ReadNamespaces(absl::GetFlag(FLAGS_namespace)));
  flags.base_domain = absl::GetFlag(FLAGS_base_domain);
  flags.public_url = absl::GetFlag(FLAGS_public_url);
  RETURN_IF_ERROR(CheckUrls(flags));
  ASSIGN_OR_RETURN(flags.http_public_url,
                   ReadOrigin("http-public-url", absl::GetFlag(FLAGS_http_public_url)));
  ASSIGN_OR_RETURN(flags.lost_proxy_hold,
                   ReadDuration("lost-proxy-hold", absl::GetFlag(FLAGS_lost_proxy_hold)));
  ASSIGN_OR_RETURN(flags.node_lost_after,
                   ReadDuration("node-lost-after", absl::GetFlag(FLAGS_node_lost_after)));
  if (!ParseLogLevel(absl::GetFlag(FLAGS_log_level), &flags.log_level)) {
    return Bad(absl::StrCat("--log-level=", absl::GetFlag(FLAGS_log_level)),
               "debug, info, warning or error");
  }
  ASSIGN_OR_RETURN(flags.fairness, ReadQuotaFlags());
  ASSIGN_OR_RETURN(flags.security, ReadSecurityFlags(flags.listen, flags.http_listen));
  if (flags.local && !flags.security.token_secret.empty()) {
    return Bad("--local with --token-secret", "--token-file=FILE: there is no cluster to ask");
  }
  return flags;
}

}  // namespace spawner
