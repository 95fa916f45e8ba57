#include "controller/flags.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/ids.h"
#include "base/status.h"
#include "controller/api/urls.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:9090", "gRPC, for applications, proxies and spawnctl");
ABSL_FLAG(std::string, http_listen, "127.0.0.1:9091", "HTTP: /healthz, /readyz, /metrics");
ABSL_FLAG(std::string, advertise_address, "",
          "where other controllers and proxies reach --listen; default $POD_IP and its port");
ABSL_FLAG(std::string, kubeconfig, "",
          "file that names the cluster and our credentials; default the pod's service account");
ABSL_FLAG(bool, local, false, "no cluster: sessions are processes of this machine");
ABSL_FLAG(std::string, namespace, "",
          "namespace to serve; repeat it or separate by commas; * is all. Default: the "
          "kubeconfig's, or default");
ABSL_FLAG(std::string, base_domain, "", "sessions are https://ID.BASE_DOMAIN/");
ABSL_FLAG(std::string, public_url, "",
          "the proxies as browsers reach them, http(s)://HOST[:PORT]; without --base-domain "
          "sessions are PUBLIC_URL/s/ID/");
ABSL_FLAG(std::string, lost_proxy_hold, "10m",
          "how long a proxy that is lost keeps sessions from ending as idle; or never");
ABSL_FLAG(std::string, node_lost_after, "5m",
          "how long a node may be silent before its sessions end as NODE_LOST; or never");
ABSL_FLAG(std::string, log_level, "info", "debug, info, warning or error");
ABSL_FLAG(bool, help, false, "print this");
ABSL_FLAG(bool, version, false, "print the version");

namespace spawner {
namespace {

struct Named {
  const char* name;   // as it is written; absl's has '_' for '-'
  const char* value;  // in --help; empty: a switch
};

// In the order of --help.
constexpr Named kNames[] = {
    {"listen", "ADDR:PORT"},
    {"http-listen", "ADDR:PORT"},
    {"advertise-address", "ADDR:PORT"},
    {"kubeconfig", "FILE"},
    {"local", ""},
    {"namespace", "NS"},
    {"base-domain", "NAME"},
    {"public-url", "URL"},
    {"lost-proxy-hold", "DURATION"},
    {"node-lost-after", "DURATION"},
    {"log-level", "LEVEL"},
    {"help", ""},
    {"version", ""},
};

const Named* FindName(absl::string_view name) {
  const auto* found = std::find_if(std::begin(kNames), std::end(kNames),
                                   [name](const Named& one) { return one.name == name; });
  return found == std::end(kNames) ? nullptr : found;
}

absl::CommandLineFlag& FlagOf(const Named& named) {
  std::string name = named.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return *absl::FindCommandLineFlag(name);
}

absl::Status Bad(absl::string_view flag, absl::string_view allowed) {
  return absl::InvalidArgumentError(absl::StrCat(flag, ": allowed is ", allowed));
}

absl::Status UnknownFlag(absl::string_view argument) {
  const std::string names = absl::StrJoin(kNames, ", ", [](std::string* out, const Named& one) {
    absl::StrAppend(out, "--", one.name);
  });
  return absl::InvalidArgumentError(absl::StrCat(argument, ": no such flag; allowed are ", names));
}

absl::Status SetFlag(const Named& named, absl::string_view value) {
  absl::CommandLineFlag& flag = FlagOf(named);
  std::string text(value);
  if (absl::string_view(named.name) == "namespace" && !flag.CurrentValue().empty()) {
    text = absl::StrCat(flag.CurrentValue(), ",", value);
  }
  std::string error;
  if (flag.ParseFrom(text, &error)) return absl::OkStatus();
  return Bad(absl::StrCat("--", named.name, "=", value), "true or false");  // only switches fail
}

absl::Status ReadArguments(const std::vector<std::string>& arguments) {
  for (const Named& one : kNames) {
    std::string error;
    FlagOf(one).ParseFrom(FlagOf(one).DefaultValue(), &error);
  }
  for (size_t i = 0; i < arguments.size(); ++i) {
    absl::string_view text = arguments[i];
    if (text == "-h") text = "--help";
    if (!absl::ConsumePrefix(&text, "--")) return UnknownFlag(arguments[i]);
    const size_t equals = text.find('=');
    const Named* named = FindName(text.substr(0, equals));
    if (named == nullptr) return UnknownFlag(arguments[i]);
    if (equals != absl::string_view::npos) {
      RETURN_IF_ERROR(SetFlag(*named, text.substr(equals + 1)));
    } else if (*named->value == '\0') {
      RETURN_IF_ERROR(SetFlag(*named, "true"));
    } else if (i + 1 < arguments.size()) {
      RETURN_IF_ERROR(SetFlag(*named, arguments[++i]));
    } else {
      return Bad(arguments[i], absl::StrCat(arguments[i], "=", named->value));
    }
  }
  return absl::OkStatus();
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

absl::Status CheckUrls(ControllerFlags& flags) {
  if (flags.local && flags.public_url.empty() && flags.base_domain.empty()) {
    flags.public_url = "http://127.0.0.1:8080";
  }
  return api::SessionUrls::Make(flags.public_url, flags.base_domain).status();
}

}  // namespace

absl::StatusOr<ControllerFlags> ParseControllerFlags(const std::vector<std::string>& arguments) {
  RETURN_IF_ERROR(ReadArguments(arguments));
  ControllerFlags flags;
  flags.help = absl::GetFlag(FLAGS_help);
  flags.version = absl::GetFlag(FLAGS_version);
  if (flags.help || flags.version) return flags;
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
  ASSIGN_OR_RETURN(flags.lost_proxy_hold,
                   ReadDuration("lost-proxy-hold", absl::GetFlag(FLAGS_lost_proxy_hold)));
  ASSIGN_OR_RETURN(flags.node_lost_after,
                   ReadDuration("node-lost-after", absl::GetFlag(FLAGS_node_lost_after)));
  if (!ParseLogLevel(absl::GetFlag(FLAGS_log_level), &flags.log_level)) {
    return Bad(absl::StrCat("--log-level=", absl::GetFlag(FLAGS_log_level)),
               "debug, info, warning or error");
  }
  return flags;
}

std::string ControllerUsage() {
  std::string text =
      "controller: runs sessions on Kubernetes, each in a pod of its own.\n\n"
      "  controller --local --public-url=http://127.0.0.1:8080   no cluster needed\n"
      "  controller --kubeconfig=FILE --base-domain=NAME         a cluster, from "
      "outside\n\nFlags:\n";
  for (const Named& one : kNames) {
    const absl::CommandLineFlag& flag = FlagOf(one);
    absl::StrAppend(&text, "  --", one.name, *one.value == '\0' ? "" : "=", one.value, "\n      ",
                    flag.Help());
    const std::string initial = flag.DefaultValue();
    if (*one.value != '\0' && !initial.empty()) absl::StrAppend(&text, ". Default ", initial);
    absl::StrAppend(&text, "\n");
  }
  return text;
}

}  // namespace spawner
