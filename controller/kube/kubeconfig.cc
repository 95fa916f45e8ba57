#include "controller/kube/kubeconfig.h"

#include <filesystem>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "base/json.h"
#include "base/status.h"
#include "controller/kube/limits.h"
#include "controller/kube/yaml.h"

namespace spawner::kube {
namespace {

// The named entry of a list of {name: ..., KIND: {...}}, as clusters, users and contexts are.
absl::StatusOr<JsonReader> Named(const JsonReader& document, const char* list, const char* kind,
                                 const std::string& name) {
  std::vector<std::string> known;
  for (const JsonReader& entry : document.Objects(list)) {
    if (entry.String("name") == name) return entry.Object(kind);
    known.push_back(entry.String("name"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat(kind, " \"", name, "\": not in ", list,
                   ", which has: ", known.empty() ? "nothing" : absl::StrJoin(known, ", ")));
}

// Reads one kubeconfig whose file lies in `directory`.
class Kubeconfig {
 public:
  explicit Kubeconfig(std::filesystem::path directory) : directory_(std::move(directory)) {}

  absl::StatusOr<KubeConfig> Read(const Json& document, std::string context_name) {
    absl::Status error;
    const JsonReader root(document, "", error);
    RETURN_IF_ERROR(error);
    if (context_name.empty()) context_name = root.String("current-context");
    if (context_name.empty()) {
      return absl::InvalidArgumentError("current-context: missing; set one or name a context");
    }
    ASSIGN_OR_RETURN(const JsonReader context, Named(root, "contexts", "context", context_name));
    const std::string cluster_name = context.RequiredString("cluster");
    const std::string user_name = context.String("user");
    config_.ns = context.String("namespace");
    RETURN_IF_ERROR(error);
    ASSIGN_OR_RETURN(const JsonReader cluster, Named(root, "clusters", "cluster", cluster_name));
    RETURN_IF_ERROR(
        Annotate(ReadCluster(cluster, error), absl::StrCat("cluster \"", cluster_name, "\"")));
    if (!user_name.empty()) {
      ASSIGN_OR_RETURN(const JsonReader user, Named(root, "users", "user", user_name));
      RETURN_IF_ERROR(Annotate(ReadUser(user, error), absl::StrCat("user \"", user_name, "\"")));
    }
    return std::move(config_);
  }

 private:
  absl::Status ReadCluster(const JsonReader& cluster, const absl::Status& error) {
    const std::string server = cluster.RequiredString("server");
    config_.tls_server_name = cluster.String("tls-server-name");
    config_.skip_tls_verify = cluster.Bool("insecure-skip-tls-verify");
    RETURN_IF_ERROR(error);
    if (cluster.Has("proxy-url")) {
      return absl::InvalidArgumentError("proxy-url: not supported; reach the server directly");
    }
    if (!absl::StartsWith(server, "https://") && !absl::StartsWith(server, "http://")) {
      return absl::InvalidArgumentError(
          absl::StrCat("server: \"", server, "\" is not https://HOST:PORT"));
    }
    config_.server = std::string(absl::StripSuffix(server, "/"));
    ASSIGN_OR_RETURN(config_.ca_pem, Pem(cluster, "certificate-authority", "CERTIFICATE", error));
    if (config_.skip_tls_verify) {
      config_.warnings.push_back(absl::StrCat("insecure-skip-tls-verify: whoever answers at ",
                                              server, " gets our credentials"));
    }
    return absl::OkStatus();
  }

  absl::Status ReadUser(const JsonReader& user, const absl::Status& error) {
    for (const char* key : {"exec", "auth-provider", "username", "password", "as", "as-groups"}) {
      if (user.Has(key)) {
        return absl::InvalidArgumentError(
            absl::StrCat(key, ": not supported; use a client certificate, a token or a tokenFile"));
      }
    }
    config_.token = user.String("token");
    config_.token_file = Resolved(user.String("tokenFile"));
    RETURN_IF_ERROR(error);
    ASSIGN_OR_RETURN(config_.client_cert_pem,
                     Pem(user, "client-certificate", "CERTIFICATE", error));
    ASSIGN_OR_RETURN(config_.client_key_pem, Pem(user, "client-key", "PRIVATE KEY", error));
    if (config_.client_cert_pem.empty() != config_.client_key_pem.empty()) {
      return absl::InvalidArgumentError("client-certificate and client-key: one without the other");
    }
    return absl::OkStatus();
  }

  // From KEY-data (base64) or else the file that KEY names; empty without both.
  absl::StatusOr<std::string> Pem(const JsonReader& reader, const std::string& key,
                                  absl::string_view label, const absl::Status& error) {
    const std::string data_key = key + "-data";
    const std::string data = reader.String(data_key.c_str());
    const std::string file = Resolved(reader.String(key.c_str()));
    RETURN_IF_ERROR(error);
    std::string pem;
    if (!data.empty()) {
      if (!absl::Base64Unescape(data, &pem)) {
        return absl::InvalidArgumentError(absl::StrCat(data_key, ": not base64"));
      }
    } else if (!file.empty()) {
      absl::StatusOr<std::string> text = ReadFile(file, kConfigBytesMax);
      if (!text.ok()) return Annotate(text.status(), key);
      pem = *std::move(text);
    } else {
      return pem;
    }
    if (!absl::StrContains(pem, "-----BEGIN ") || !absl::StrContains(pem, label)) {
      return absl::InvalidArgumentError(
          absl::StrCat(data.empty() ? key : data_key, ": has no PEM block of a ", label));
    }
    return pem;
  }

  std::string Resolved(const std::string& path) const {
    return path.empty() ? path : (directory_ / path).string();
  }

  const std::filesystem::path directory_;
  KubeConfig config_;
};

}  // namespace

absl::StatusOr<KubeConfig> ReadKubeconfig(const std::string& path, const std::string& context) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kConfigBytesMax));
  absl::StatusOr<Json> document = ParseYaml(text);
  if (!document.ok()) return Annotate(document.status(), path);
  absl::StatusOr<KubeConfig> config =
      Kubeconfig(std::filesystem::path(path).parent_path()).Read(*document, context);
  if (!config.ok()) return Annotate(config.status(), path);
  return config;
}

absl::StatusOr<KubeConfig> ReadInClusterConfig(const InClusterSource& source) {
  if (source.host.empty() || source.port.empty()) {
    return absl::FailedPreconditionError(
        "not in a pod: KUBERNETES_SERVICE_HOST or KUBERNETES_SERVICE_PORT is not set; give "
        "--kubeconfig=FILE or --local");
  }
  int port = 0;
  if (!absl::SimpleAtoi(source.port, &port) || port < 1 || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("KUBERNETES_SERVICE_PORT: \"", source.port, "\" is not 1 to 65535"));
  }
  KubeConfig config;
  const bool is_ipv6 = absl::StrContains(source.host, ':');
  config.server = is_ipv6 ? absl::StrCat("https://[", source.host, "]:", port)
                          : absl::StrCat("https://", source.host, ":", port);
  config.token_file = source.directory + "/token";
  ASSIGN_OR_RETURN(config.ca_pem, ReadFile(source.directory + "/ca.crt", kConfigBytesMax));
  if (!absl::StrContains(config.ca_pem, "-----BEGIN ")) {
    return absl::InvalidArgumentError(
        absl::StrCat(source.directory, "/ca.crt: has no PEM block of a CERTIFICATE"));
  }
  // Reading them here as well makes a missing mount fail at start.
  RETURN_IF_ERROR(ReadFile(config.token_file, kConfigBytesMax).status());
  ASSIGN_OR_RETURN(const std::string ns,
                   ReadFile(source.directory + "/namespace", kConfigBytesMax));
  config.ns = std::string(absl::StripAsciiWhitespace(ns));
  return config;
}

}  // namespace spawner::kube
