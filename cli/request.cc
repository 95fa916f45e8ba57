#include "cli/request.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "google/protobuf/util/time_util.h"

namespace spawner::cli {
namespace {

using google::protobuf::util::TimeUtil;

// Sets the field that `mutable_field()` gives if the flag is there.
template <typename Mutable>
absl::Status SetDuration(const Arguments& arguments, const char* flag, Mutable mutable_field) {
  ASSIGN_OR_RETURN(const std::optional<absl::Duration> duration, arguments.Duration(flag));
  if (duration.has_value()) {
    *mutable_field() = TimeUtil::NanosecondsToDuration(absl::ToInt64Nanoseconds(*duration));
  }
  return absl::OkStatus();
}

absl::Status SetTimes(const Arguments& arguments, v1::SessionSpec* spec) {
  v1::IdlePolicy idle;
  RETURN_IF_ERROR(SetDuration(arguments, "grace", [&] { return idle.mutable_grace(); }));
  RETURN_IF_ERROR(
      SetDuration(arguments, "initial-grace", [&] { return idle.mutable_initial_grace(); }));
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
  if (arguments.Has("public")) spec.mutable_access()->set_mode(v1::PUBLIC);
  return spec;
}

}  // namespace

std::vector<Flag> CommonFlags() {
  return {
      {"address", "HOST:PORT", "the controller; default $SPAWNER_ADDRESS or 127.0.0.1:9090"},
      {"namespace", "NAME", "of Kubernetes; default $SPAWNER_NAMESPACE or \"default\"", 'n'},
      {"output", "FORMAT", "table, wide, json, yaml or name", 'o'},
      {"timeout", "DURATION", "of one call; default 30s"},
      {"help", nullptr, "this text", 'h'},
  };
}

std::vector<Flag> ConnectFlags() {
  return {
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
      {"user", "USER", "who the URL is for; default $USER"},
      {"ttl", "DURATION", "the URL's token is good for; default 1h"},
      {"wait", nullptr, "return when the backend is ready", 'w'},
  };
}

absl::StatusOr<v1::ConnectRequest> MakeConnectRequest(const Arguments& arguments,
                                                      const std::string& ns) {
  v1::ConnectRequest request;
  request.set_parent(absl::StrCat("namespaces/", ns));
  request.mutable_key()->set_name(arguments.Get("key"));
  request.mutable_key()->set_tag(arguments.Get("tag"));
  ASSIGN_OR_RETURN(v1::SessionSpec spec, MakeSpec(arguments));
  if (spec.ByteSizeLong() > 0) *request.mutable_spec() = std::move(spec);
  request.mutable_grant()->set_user(arguments.Get("user"));
  RETURN_IF_ERROR(
      SetDuration(arguments, "ttl", [&] { return request.mutable_grant()->mutable_ttl(); }));
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
