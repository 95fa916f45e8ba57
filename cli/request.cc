#include "cli/request.h"

#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/status.h"
#include "cli/times.h"
#include "google/protobuf/util/json_util.h"

namespace spawner::cli {
namespace {

constexpr size_t kJsonBytesMax = 1 << 20;

// Sets the field that `mutable_field()` gives if the flag is there.
template <typename Mutable>
absl::Status SetDuration(const Arguments& arguments, const char* flag, Mutable mutable_field) {
  ASSIGN_OR_RETURN(const std::optional<absl::Duration> duration, arguments.Duration(flag));
  if (duration.has_value()) {
    *mutable_field() = DurationProto(*duration);
  }
  return absl::OkStatus();
}

absl::Status SetTimes(const Arguments& arguments, v1::SessionSpec* spec) {
  v1::IdlePolicy idle;
  RETURN_IF_ERROR(SetDuration(arguments, "grace", [&] { return idle.mutable_grace(); }));
  RETURN_IF_ERROR(
      SetDuration(arguments, "initial-grace", [&] { return idle.mutable_initial_grace(); }));
  RETURN_IF_ERROR(
      SetDuration(arguments, "warn-before", [&] { return idle.mutable_warn_before(); }));
  RETURN_IF_ERROR(SetDuration(arguments, "hold-max", [&] { return idle.mutable_hold_max(); }));
  for (const std::string& path : arguments.All("ignore-path")) idle.add_ignore_paths(path);
  if (idle.ByteSizeLong() > 0) *spec->mutable_idle() = idle;
  v1::Lifetime lifetime;
  RETURN_IF_ERROR(SetDuration(arguments, "max-lifetime", [&] { return lifetime.mutable_max(); }));
  RETURN_IF_ERROR(
      SetDuration(arguments, "start-timeout", [&] { return lifetime.mutable_start_timeout(); }));
  RETURN_IF_ERROR(
      SetDuration(arguments, "stop-grace", [&] { return lifetime.mutable_stop_grace(); }));
  RETURN_IF_ERROR(
      SetDuration(arguments, "retention", [&] { return lifetime.mutable_retention(); }));
  if (lifetime.ByteSizeLong() > 0) *spec->mutable_lifetime() = lifetime;
  return absl::OkStatus();
}

// The parser's further lines point at the place with a ^.
std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

// A flag's JSON object, or that of the file that it names with "@".
absl::Status ReadStruct(const Arguments& arguments, const char* flag,
                        google::protobuf::Struct* out) {
  std::string text = arguments.Get(flag);
  if (absl::StartsWith(text, "@")) {
    auto file = ReadFile(text.substr(1), kJsonBytesMax);
    if (!file.ok()) return Annotate(file.status(), absl::StrCat("--", flag));
    text = *std::move(file);
  }
  const auto parsed = google::protobuf::util::JsonStringToMessage(text, out);
  if (parsed.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--", flag, ": not a JSON object: ", FirstLine(std::string(parsed.message()))));
}

// "data:/data:10Gi:keep"
absl::Status AddVolume(const std::string& text, v1::SessionSpec* spec) {
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  const bool has_policy = parts.size() == 4 && (parts[3] == "keep" || parts[3] == "delete");
  if (parts.size() != 3 && !has_policy) {
    return absl::InvalidArgumentError(
        absl::StrCat("--volume: \"", text, "\" is not NAME:PATH:SIZE[:keep|:delete]"));
  }
  v1::VolumeClaim& claim = *spec->add_volume_claims();
  claim.set_name(parts[0]);
  claim.set_mount_path(parts[1]);
  claim.set_size(parts[2]);
  if (has_policy) {
    claim.set_policy(parts[3] == "keep" ? v1::CLAIM_POLICY_KEEP : v1::CLAIM_POLICY_DELETE);
  }
  return absl::OkStatus();
}

absl::Status SetAccess(const Arguments& arguments, v1::SessionSpec* spec) {
  v1::Access access;
  if (arguments.Has("public")) access.set_mode(v1::PUBLIC);
  for (const std::string& origin : arguments.All("allow-origin")) {
    access.add_allowed_origins(origin);
  }
  for (const std::string& origin : arguments.All("embed-origin")) access.add_embed_origins(origin);
  if (arguments.Has("path-prefix")) {
    access.set_path_prefix(arguments.Get("path-prefix") == "keep" ? v1::PATH_PREFIX_KEEP
                                                                  : v1::PATH_PREFIX_STRIP);
  }
  ASSIGN_OR_RETURN(const std::optional<int64_t> most, arguments.Int("max-connections"));
  if (most.has_value()) {
    if (*most < 1 || *most > std::numeric_limits<int32_t>::max()) {
      return absl::InvalidArgumentError("--max-connections: a number above 0");
    }
    access.set_max_connections(static_cast<int32_t>(*most));
  }
  if (access.ByteSizeLong() > 0) *spec->mutable_access() = access;
  return absl::OkStatus();
}

absl::StatusOr<v1::SessionSpec> MakeSpec(const Arguments& arguments) {
  v1::SessionSpec spec;
  spec.set_image(arguments.Get("image"));
  spec.set_template_(arguments.Get("template"));
  for (const std::string& word : arguments.trailing) spec.add_command(word);
  ASSIGN_OR_RETURN(const auto env, arguments.Pairs("env"));
  spec.mutable_env()->insert(env.begin(), env.end());
  ASSIGN_OR_RETURN(const auto labels, arguments.Pairs("label"));
  spec.mutable_labels()->insert(labels.begin(), labels.end());
  for (const char* flag : {"request", "limit"}) {
    ASSIGN_OR_RETURN(const auto pairs, arguments.Pairs(flag));
    if (pairs.empty()) continue;
    auto* target = absl::string_view(flag) == "request"
                       ? spec.mutable_resources()->mutable_requests()
                       : spec.mutable_resources()->mutable_limits();
    target->insert(pairs.begin(), pairs.end());
  }
  ASSIGN_OR_RETURN(const std::optional<int64_t> port, arguments.Int("port"));
  if (port.has_value()) {
    if (*port < 1 || *port > 65535) {
      return absl::InvalidArgumentError(absl::StrCat("--port: ", *port, " is not in 1..65535"));
    }
    spec.set_port(static_cast<int32_t>(*port));
  }
  if (arguments.Has("h2c")) spec.set_protocol(v1::H2C);
  RETURN_IF_ERROR(SetTimes(arguments, &spec));
  if (arguments.Has("keep")) spec.mutable_idle()->set_on_idle(v1::KEEP);
  for (const std::string& arg : arguments.All("arg")) spec.add_args(arg);
  for (const std::string& volume : arguments.All("volume")) {
    RETURN_IF_ERROR(AddVolume(volume, &spec));
  }
  if (arguments.Has("pod-overrides")) {
    RETURN_IF_ERROR(ReadStruct(arguments, "pod-overrides", spec.mutable_pod_overrides()));
  }
  RETURN_IF_ERROR(SetAccess(arguments, &spec));
  return spec;
}

}  // namespace

std::vector<Flag> CommonFlags() {
  return {
      {"context", "NAME", "the controller by its name: `spawnctl context list`"},
      {"address", "HOST:PORT", "the controller; default 127.0.0.1:9090"},
      {"namespace", "NAME", "of Kubernetes; default \"default\"", 'n'},
      {.name = "output",
       .placeholder = "FORMAT",
       .help = "table, wide, json, yaml or name",
       .letter = 'o',
       .values = "table|wide|json|yaml|name"},
      {"timeout", "DURATION", "of one call; default 30s"},
      {"token-file", "FILE", "who you are: a bearer token"},
      {"ca", "FILE", "TLS: authorities of the controller"},
      {"client-cert", "FILE", "who you are by TLS"},
      {"client-key", "FILE", "its key"},
      {"server-name", "NAME", "that the controller's certificate is for, if not the address's"},
      {"help", nullptr, "this text", 'h'},
  };
}

std::vector<Flag> ConnectFlags() {
  std::vector<Flag> flags = {
      {"key", "KEY", "the document, user, ... that the session is for", 'k'},
      {"tag", "TAG", "version of what the key stands for"},
      {"image", "IMAGE", "what to run"},
      {"template", "NAME", "what to run, by a PodTemplate"},
      {"env", "NAME=VALUE", "environment of the backend", 'e', true},
      {"label", "NAME=VALUE", "label of session and pod", 'l', true},
      {"request", "NAME=QUANTITY", "resources it asks for: cpu=500m", '\0', true},
      {"limit", "NAME=QUANTITY", "resources it may have: memory=256Mi", '\0', true},
      {"port", "PORT", "where the backend listens; default 8080", 'p'},
      {"h2c", nullptr, "it speaks HTTP/2 without TLS, as gRPC servers do"},
      {"grace", "DURATION", "ends this long after the last connection; default 300s"},
      {"initial-grace", "DURATION", "the same before the first connection; default --grace"},
      {"keep", nullptr, "never ends as idle"},
      {"max-lifetime", "DURATION", "ends this long after its start; default never"},
      {"start-timeout", "DURATION", "must be ready within; default 300s"},
      {"stop-grace", "DURATION", "between SIGTERM and SIGKILL; default 10s"},
      {"retention", "DURATION", "the ended session is kept; default 600s"},
      {"public", nullptr, "needs no token"},
      {"warn-before", "DURATION", "warn watchers and visitors this long before it ends"},
      {"ignore-path", "PATH", "requests to it are no use: /healthz, /poll/*", '\0', true},
      {"hold-max", "DURATION", "a hold may last so long; default 24h, 0s for none"},
      {"max-connections", "N", "open at one time in each proxy; default no limit"},
      {"allow-origin", "ORIGIN", "pages from there may call it: https://app.example", '\0', true},
      {"embed-origin", "ORIGIN", "pages from there may show it in a frame", '\0', true},
      {.name = "path-prefix",
       .placeholder = "HOW",
       .help = "/s/ID is stripped before the backend, or kept",
       .values = "strip|keep"},
      {"volume", "NAME:PATH:SIZE[:keep]", "a disk of its own: data:/data:10Gi", '\0', true},
      {"arg", "TEXT", "an argument of the image's entry point", '\0', true},
      {"pod-overrides", "JSON", "strategic merge patch of the pod; @FILE reads a file"},
      {.name = "on-mismatch",
       .placeholder = "HOW",
       .help = "what to do with a live session of another tag",
       .values = "fail|replace|replace-if-idle"},
      {"wait", nullptr, "return when the backend is ready", 'w'},
  };
  for (Flag& flag : GrantFlags()) flags.push_back(flag);
  return flags;
}

std::vector<Flag> GrantFlags() {
  return {
      {"user", "USER", "who the URL is for; default $USER"},
      {"ttl", "DURATION", "the URL's token is good for; default 1h"},
      {"claims", "JSON", "an object that the backend gets with the user's requests"},
      {"one-time", nullptr, "the token is good for one use"},
      {"request-id", "ID", "the same ID and request give the same answer for 10 min"},
  };
}

absl::Status FillGrant(const Arguments& arguments, v1::GrantSpec* grant) {
  grant->set_user(arguments.Get("user"));
  grant->set_one_time(arguments.Has("one-time"));
  if (arguments.Has("claims")) {
    RETURN_IF_ERROR(ReadStruct(arguments, "claims", grant->mutable_claims()));
  }
  return SetDuration(arguments, "ttl", [grant] { return grant->mutable_ttl(); });
}

absl::StatusOr<v1::ConnectRequest> MakeConnectRequest(const Arguments& arguments,
                                                      const std::string& ns) {
  v1::ConnectRequest request;
  request.set_parent(absl::StrCat("namespaces/", ns));
  request.mutable_key()->set_name(arguments.Get("key"));
  request.mutable_key()->set_tag(arguments.Get("tag"));
  ASSIGN_OR_RETURN(v1::SessionSpec spec, MakeSpec(arguments));
  if (spec.ByteSizeLong() > 0) *request.mutable_spec() = std::move(spec);
  request.set_request_id(arguments.Get("request-id"));
  RETURN_IF_ERROR(FillGrant(arguments, request.mutable_grant()));
  if (arguments.Has("on-mismatch")) {
    const std::string how = arguments.Get("on-mismatch");
    request.set_on_mismatch(how == "fail"      ? v1::ON_MISMATCH_FAIL
                            : how == "replace" ? v1::ON_MISMATCH_REPLACE
                                               : v1::ON_MISMATCH_REPLACE_IF_IDLE);
  }
  if (arguments.Has("wait")) request.set_wait_for(v1::WAIT_FOR_READY);
  return request;
}

std::string SessionName(const std::string& text, const std::string& ns) {
  if (absl::StartsWith(text, "namespaces/")) return text;
  const size_t slash = text.rfind('/');
  const std::string id = slash == std::string::npos ? text : text.substr(slash + 1);
  return absl::StrCat("namespaces/", ns, "/sessions/", id);
}

}  // namespace spawner::cli
