#include "controller/session/session_template.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/status.h"
#include "controller/session/limits.h"
#include "controller/session/overrides.h"

namespace spawner {
namespace {

using nlohmann::json;

enum class Form { kDuration, kWord, kNumber, kList };

// A field of the API's SessionSpec in JSON, and what it is in spawner.dev/spec.
struct Default {
  const char* group;  // "": the spec itself
  const char* field;
  const char* camel;  // JSON's other spelling of it
  Form form;
  const char* key;
  const char* word = "";  // kWord: this value means `meaning`, every other its opposite
  bool meaning = true;
};
constexpr Default kDefaults[] = {
    {"idle", "grace", "grace", Form::kDuration, "grace"},
    {"idle", "initial_grace", "initialGrace", Form::kDuration, "initial_grace"},
    {"idle", "hold_max", "holdMax", Form::kDuration, "hold_max"},
    {"idle", "warn_before", "warnBefore", Form::kDuration, "warn_before"},
    {"idle", "ignore_paths", "ignorePaths", Form::kList, "ignore_paths"},
    {"idle", "on_idle", "onIdle", Form::kWord, "never_idle", "KEEP", true},
    {"lifetime", "max", "max", Form::kDuration, "max"},
    {"lifetime", "start_timeout", "startTimeout", Form::kDuration, "start_timeout"},
    {"lifetime", "stop_grace", "stopGrace", Form::kDuration, "stop_grace"},
    {"lifetime", "retention", "retention", Form::kDuration, "retention"},
    {"access", "mode", "mode", Form::kWord, "token_required", "PUBLIC", false},
    {"access", "path_prefix", "pathPrefix", Form::kWord, "strip_prefix", "PATH_PREFIX_KEEP", false},
    {"access", "allowed_origins", "allowedOrigins", Form::kList, "allowed_origins"},
    {"access", "embed_origins", "embedOrigins", Form::kList, "embed_origins"},
    {"access", "max_connections", "maxConnections", Form::kNumber, "max_connections"},
    {"", "port", "port", Form::kNumber, "port"},
};

constexpr const char* kWords[] = {
    "KEEP", "STOP", "PUBLIC", "TOKEN", "PATH_PREFIX_KEEP", "PATH_PREFIX_STRIP"};

std::string At(absl::string_view field) {
  return absl::StrCat("template.metadata.annotations[", kTemplateSpec, "].", field);
}

absl::Status ReadDefault(const Default& known, const std::string& at, const json& value,
                         json& out) {
  switch (known.form) {
    case Form::kDuration: {
      absl::Duration duration;
      if (!value.is_string() || !absl::ParseDuration(value.get<std::string>(), &duration)) {
        return InvalidField(at, "must be a duration as \"300s\"");
      }
      out[known.key] = absl::FormatDuration(duration);
      return absl::OkStatus();
    }
    case Form::kWord:
      for (const char* word : kWords) {
        if (value != word) continue;
        out[known.key] = (value == known.word) == known.meaning;
        return absl::OkStatus();
      }
      return InvalidField(at, "no such value");
    case Form::kNumber:
      if (!value.is_number_unsigned()) return InvalidField(at, "must be a whole number");
      out[known.key] = value;
      return absl::OkStatus();
    case Form::kList:
      for (const json& member : value) {
        if (!value.is_array() || !member.is_string()) return InvalidField(at, "must be a list");
      }
      out[known.key] = value;
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::Status ReadGroup(const std::string& group, const json& object, json& out) {
  for (const auto& [field, value] : object.items()) {
    if (group.empty() && (field == "idle" || field == "lifetime" || field == "access")) {
      if (!value.is_object()) return InvalidField(At(field), "must be an object");
      RETURN_IF_ERROR(ReadGroup(field, value, out));
      continue;
    }
    if (group.empty() && field == "protocol" && (value == "H2C" || value == "HTTP1")) {
      if (value == "H2C") out["protocol"] = "h2c";
      continue;
    }
    const std::string at = At(group.empty() ? field : absl::StrCat(group, ".", field));
    const Default* known = nullptr;
    for (const Default& candidate : kDefaults) {
      const bool is_it = field == candidate.field || field == candidate.camel;
      if (group == candidate.group && is_it) known = &candidate;
    }
    if (known == nullptr) return InvalidField(at, "can't be set by a template");
    RETURN_IF_ERROR(ReadDefault(*known, at, value, out));
  }
  return absl::OkStatus();
}

absl::StatusOr<json> ReadDefaults(const std::string& text) {
  json defaults = json::object();
  if (text.empty()) return defaults;
  ASSIGN_OR_RETURN(const json object, ParseJsonObject(At("*"), text));
  RETURN_IF_ERROR(ReadGroup("", object, defaults));
  if (defaults.contains("grace") && !defaults.contains("initial_grace")) {
    defaults["initial_grace"] = defaults["grace"];
  }
  return defaults;
}

// A container's port for people: the one named http, or the first that is TCP.
json FindPort(const json& pod, const std::string& name) {
  json found;
  const json* container = FindContainer(pod, name);
  const json ports = container == nullptr ? json() : container->value("ports", json());
  for (const json& port : ports.is_array() ? ports : json::array()) {
    if (!port.is_object()) continue;
    const json number = port.value("containerPort", json());
    const std::string protocol = TextOf(port, "protocol");
    if (!number.is_number_unsigned() || (!protocol.empty() && protocol != "TCP")) continue;
    if (found.is_null() || TextOf(port, "name") == "http") found = number;
  }
  return found;
}

json ObjectAt(const json& object, const char* field) {
  json found = object.value(field, json::object());
  return found.is_object() ? found : json::object();
}

absl::Status CheckPod(const json& pod) {
  const json spec = ObjectAt(pod, "spec");
  if (spec.contains("activeDeadlineSeconds")) {
    return InvalidField("template.spec.activeDeadlineSeconds",
                        "can't be set; lifetime.max of the session ends it");
  }
  const json containers = spec.value("containers", json());
  if (!containers.is_array() || containers.empty() || TextOf(containers[0], "name").empty()) {
    return InvalidField("template.spec.containers", "needs a container with a name");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SessionTemplate> ParseSessionTemplate(absl::string_view text) {
  const json object = json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return InvalidField("template", "is no JSON object");
  const json metadata = ObjectAt(object, "metadata");
  SessionTemplate out;
  out.name = TextOf(metadata, "name");
  out.resource_version = TextOf(metadata, "resourceVersion");
  if (TextOf(ObjectAt(metadata, "labels"), kTemplateLabel) != "true") {
    return TemplateNotFound(TextOf(metadata, "namespace"), out.name);
  }
  out.pod = ObjectAt(object, "template");
  RETURN_IF_ERROR(CheckPod(out.pod));
  out.container = FindContainer(out.pod, kBackendContainer) != nullptr
                      ? kBackendContainer
                      : TextOf(out.pod["spec"]["containers"][0], "name");
  ASSIGN_OR_RETURN(out.defaults,
                   ReadDefaults(TextOf(ObjectAt(metadata, "annotations"), kTemplateSpec)));
  ASSIGN_OR_RETURN(
      out.claims,
      ReadClaimTemplates(absl::StrCat("template.metadata.annotations[", kTemplateClaims, "]"),
                         TextOf(ObjectAt(metadata, "annotations"), kTemplateClaims)));
  const json grace = out.pod["spec"].value("terminationGracePeriodSeconds", json());
  if (!out.defaults.contains("stop_grace") && grace.is_number_unsigned()) {
    out.defaults["stop_grace"] = absl::FormatDuration(absl::Seconds(grace.get<int64_t>()));
  }
  if (!out.defaults.contains("port")) {
    if (json port = FindPort(out.pod, out.container); !port.is_null()) {
      out.defaults["port"] = std::move(port);
    }
  }
  return out;
}

absl::StatusOr<SessionSpec> ResolveSpec(const SessionSpec& spec, const SessionTemplate& from) {
  json merged = json::parse(EncodeSpec(spec), nullptr, /*allow_exceptions=*/false);
  for (const auto& [key, value] : from.defaults.items()) {
    if (spec.unset.contains(key)) merged[key] = value;
  }
  ASSIGN_OR_RETURN(SessionSpec resolved, DecodeSpec(ToText(merged)));
  for (const VolumeClaim& claim : from.claims) {
    const auto is_same = [&](const VolumeClaim& own) { return own.name == claim.name; };
    if (std::none_of(spec.volume_claims.begin(), spec.volume_claims.end(), is_same)) {
      resolved.volume_claims.push_back(claim);
    }
  }
  RETURN_IF_ERROR(Annotate(ValidateSpec(resolved), absl::StrCat("template ", from.name)));
  return resolved;
}

absl::Status TemplateNotFound(absl::string_view ns, absl::string_view name) {
  return WithReason(
      absl::NotFoundError(absl::StrCat("template ", name, ": namespace ", ns,
                                       " has no PodTemplate of that name with the label ",
                                       kTemplateSelector, "; apply one")),
      "TEMPLATE_NOT_FOUND", {{"namespace", ns}, {"template", name}});
}

}  // namespace spawner
