#include "controller/session/overrides.h"

#include <cstddef>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/session/limits.h"

namespace spawner {
namespace {

using nlohmann::json;

constexpr const char* kPodFields[] = {
    "affinity",
    "containers",
    "dnsConfig",
    "dnsPolicy",
    "hostAliases",
    "hostname",
    "imagePullSecrets",
    "initContainers",
    "nodeSelector",
    "preemptionPolicy",
    "priorityClassName",
    "runtimeClassName",
    "schedulerName",
    "securityContext",
    "serviceAccountName",
    "shareProcessNamespace",
    "subdomain",
    "tolerations",
    "topologySpreadConstraints",
    "volumes",
    "automountServiceAccountToken",
};

// Of a pod, but decided by the session's own fields or by Spawner.
constexpr const char* kProtectedPodFields[] = {
    "activeDeadlineSeconds",
    "enableServiceLinks",
    "ephemeralContainers",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "nodeName",
    "restartPolicy",
    "readinessGates",
    "terminationGracePeriodSeconds",
};

constexpr const char* kContainerFields[] = {
    "args",
    "command",
    "env",
    "envFrom",
    "image",
    "imagePullPolicy",
    "lifecycle",
    "livenessProbe",
    "name",
    "ports",
    "readinessProbe",
    "resources",
    "securityContext",
    "startupProbe",
    "stdin",
    "stdinOnce",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "tty",
    "volumeDevices",
    "volumeMounts",
    "workingDir",
    "restartPolicy",
};

template <size_t n>
bool Contains(const char* const (&names)[n], absl::string_view name) {
  for (const char* candidate : names) {
    if (name == candidate) return true;
  }
  return false;
}

// By what key the members of a list of this name are told apart; null: the list is one value.
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/ "patch strategy"
const char* MergeKey(absl::string_view list) {
  if (list == "containers" || list == "initContainers" || list == "volumes" || list == "env" ||
      list == "imagePullSecrets") {
    return "name";
  }
  if (list == "volumeMounts") return "mountPath";
  if (list == "volumeDevices") return "devicePath";
  if (list == "ports") return "containerPort";
  if (list == "hostAliases") return "ip";
  if (list == "topologySpreadConstraints") return "topologyKey";
  return nullptr;
}

absl::Status ValidateMetadata(absl::string_view path, const json& metadata) {
  for (const auto& [field, value] : metadata.items()) {
    const std::string at = absl::StrCat(path, ".", field);
    if (field != "labels" && field != "annotations") {
      return InvalidField(at, "can't be overridden; only labels and annotations can");
    }
    if (!value.is_object()) return InvalidField(at, "must be an object");
    for (const auto& [name, text] : value.items()) {
      if (absl::StrContains(name, "spawner.dev/")) {
        return InvalidField(absl::StrCat(at, ".", name), "is set by Spawner");
      }
      if (!text.is_string()) return InvalidField(absl::StrCat(at, ".", name), "must be a string");
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateContainer(const std::string& path, const json& container) {
  for (const auto& [field, value] : container.items()) {
    if (!Contains(kContainerFields, field)) {
      return InvalidField(absl::StrCat(path, ".", field), "unknown field");
    }
    if (MergeKey(field) != nullptr && !value.is_array() && !value.is_null()) {
      return InvalidField(absl::StrCat(path, ".", field), "must be a list");
    }
    if (field != "env") continue;
    for (const auto& variable : value) {
      const std::string name = variable.value("name", std::string());
      if (container["name"] == "backend" && IsReservedEnv(name)) {
        return InvalidField(absl::StrCat(path, ".env.", name), "is set by Spawner");
      }
    }
  }
  return absl::OkStatus();
}

// A list that merges by key: every member is an object that has the key.
absl::Status ValidateKeyedLists(const std::string& path, const json& object) {
  for (const auto& [field, value] : object.items()) {
    const std::string at = absl::StrCat(path, ".", field);
    if (absl::StartsWith(field, "$")) return InvalidField(at, "directives are not supported");
    if (value.is_object()) {
      RETURN_IF_ERROR(ValidateKeyedLists(at, value));
      continue;
    }
    const char* key = MergeKey(field);
    if (key == nullptr || !value.is_array()) continue;
    for (size_t i = 0; i < value.size(); ++i) {
      const std::string member = absl::StrCat(at, "[", i, "]");
      if (!value[i].is_object()) return InvalidField(member, "must be an object");
      const auto found = value[i].find(key);
      if (found == value[i].end() || !(found->is_string() || found->is_number_integer())) {
        return InvalidField(absl::StrCat(member, ".", key), "is missing");
      }
      RETURN_IF_ERROR(ValidateKeyedLists(member, value[i]));
    }
  }
  return absl::OkStatus();
}

absl::Status ValidatePodSpec(const std::string& path, const json& spec) {
  for (const auto& [field, value] : spec.items()) {
    const std::string at = absl::StrCat(path, ".", field);
    if (Contains(kProtectedPodFields, field)) {
      return InvalidField(at, "can't be overridden; Spawner decides it");
    }
    if (!Contains(kPodFields, field)) return InvalidField(at, "unknown field");
    if (value.is_null() && field == "containers") return InvalidField(at, "can't be removed");
    if (MergeKey(field) != nullptr && !value.is_array() && !value.is_null()) {
      return InvalidField(at, "must be a list");
    }
    if (field != "containers" && field != "initContainers") continue;
    for (size_t i = 0; i < value.size(); ++i) {
      if (!value[i]["name"].is_string()) return InvalidField(at, "names must be strings");
      RETURN_IF_ERROR(ValidateContainer(absl::StrCat(at, "[", i, "]"), value[i]));
    }
  }
  return absl::OkStatus();
}

void Merge(const json& patch, json& target);

void MergeList(const char* key, const json& patch, json& target) {
  for (const json& member : patch) {
    json* same = nullptr;
    for (json& candidate : target) {
      if (candidate.is_object() && candidate.contains(key) && candidate[key] == member[key]) {
        same = &candidate;
      }
    }
    if (same == nullptr) {
      target.push_back(json::object());
      same = &target.back();
    }
    Merge(member, *same);
  }
}

// Depth is bounded: ParseJsonObject refused what is deeper.
void Merge(const json& patch, json& target) {
  for (const auto& [field, value] : patch.items()) {
    if (value.is_null()) {
      target.erase(field);
    } else if (value.is_object()) {
      if (!target.contains(field) || !target[field].is_object()) target[field] = json::object();
      Merge(value, target[field]);
    } else if (const char* key = MergeKey(field); key != nullptr && value.is_array()) {
      if (!target.contains(field) || !target[field].is_array()) target[field] = json::array();
      MergeList(key, value, target[field]);
    } else {
      target[field] = value;
    }
  }
}

size_t DepthOf(absl::string_view text) {
  size_t depth = 0;
  size_t deepest = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      deepest = ++depth > deepest ? depth : deepest;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

}  // namespace

bool IsReservedEnv(absl::string_view name) {
  return name == "PORT" || absl::StartsWith(name, "SPAWNER_") ||
         absl::StartsWith(name, "SESSION_BACKEND_");
}

absl::StatusOr<json> ParseJsonObject(absl::string_view field, absl::string_view text) {
  if (DepthOf(text) > kOverridesDepthMax) {
    return InvalidField(field, absl::StrCat("nested deeper than ", kOverridesDepthMax));
  }
  json parsed = json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) return InvalidField(field, "is not JSON");
  if (!parsed.is_object()) return InvalidField(field, "must be a JSON object");
  return parsed;
}

absl::Status ValidateOverrides(const json& patch) {
  const std::string root = "spec.pod_overrides";
  RETURN_IF_ERROR(ValidateKeyedLists(root, patch));
  for (const auto& [field, value] : patch.items()) {
    const std::string at = absl::StrCat(root, ".", field);
    if (field != "metadata" && field != "spec") {
      return InvalidField(at, "unknown field; metadata and spec can be overridden");
    }
    if (!value.is_object()) return InvalidField(at, "must be an object");
    RETURN_IF_ERROR(field == "metadata" ? ValidateMetadata(at, value) : ValidatePodSpec(at, value));
  }
  return absl::OkStatus();
}

void MergeOverrides(const json& patch, json& pod) { Merge(patch, pod); }

std::string ToText(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace spawner
