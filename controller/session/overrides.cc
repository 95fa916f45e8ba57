#include "controller/session/overrides.h"

#include <cstddef>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/session/limits.h"
#include "controller/session/strategic_merge.h"

namespace spawner {
namespace {

using nlohmann::json;

constexpr char kRoot[] = "spec.pod_overrides";

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
    "hostUsers",
    "os",
    "overhead",
    "priority",
    "resourceClaims",
    "resources",
    "setHostnameAsFQDN",
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
    "readinessGates",
    "restartPolicy",
    "schedulingGates",
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
    "resizePolicy",
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
    "restartPolicyRules",
};

template <size_t n>
bool Contains(const char* const (&names)[n], absl::string_view name) {
  for (const char* candidate : names) {
    if (name == candidate) return true;
  }
  return false;
}

bool IsOurName(absl::string_view name) { return absl::StartsWith(name, "spawner.dev/"); }

// True for a directive that may stand in a patch; StrategicMerge looks at what it says.
bool IsDirective(absl::string_view field) {
  return field == "$patch" || field == "$retainKeys" ||
         absl::StartsWith(field, "$setElementOrder/") ||
         absl::StartsWith(field, "$deleteFromPrimitiveList/");
}

// Of an object that holds what Spawner sets.
bool WouldRemoveOurs(absl::string_view field) {
  return field == "$patch" || field == "$retainKeys";
}

absl::Status ValidateMetadata(absl::string_view path, const json& metadata) {
  for (const auto& [field, value] : metadata.items()) {
    const std::string at = absl::StrCat(path, ".", field);
    if (WouldRemoveOurs(field)) return InvalidField(at, "would remove what Spawner sets");
    if (field != "labels" && field != "annotations") {
      return InvalidField(at, "can't be overridden; only labels and annotations can");
    }
    if (!value.is_object()) return InvalidField(at, "must be an object");
    for (const auto& [name, text] : value.items()) {
      const std::string entry = absl::StrCat(at, ".", name);
      if (WouldRemoveOurs(name)) return InvalidField(entry, "would remove what Spawner sets");
      if (absl::StrContains(name, "spawner.dev/")) return InvalidField(entry, "is set by Spawner");
      if (!text.is_string() && !text.is_null()) return InvalidField(entry, "must be a string");
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateContainer(const std::string& path, const json& container) {
  for (const auto& [field, value] : container.items()) {
    const std::string at = absl::StrCat(path, ".", field);
    if (IsDirective(field)) continue;
    if (!Contains(kContainerFields, field)) return InvalidField(at, "unknown field");
    if (MergeKey(field) != nullptr && !value.is_array() && !value.is_null()) {
      return InvalidField(at, "must be a list");
    }
    if (field != "env" || container.value("name", json()) != kBackendContainer) continue;
    for (const auto& variable : value) {
      const json name = variable.value("name", json());
      if (name.is_string() && IsReservedEnv(name.get<std::string>())) {
        return InvalidField(absl::StrCat(at, ".", name.get<std::string>()), "is set by Spawner");
      }
    }
  }
  return absl::OkStatus();
}

// A list that merges by key: every member is an object that has the key.
absl::Status ValidateKeyedLists(const std::string& path, const json& object) {
  for (const auto& [field, value] : object.items()) {
    const std::string at = absl::StrCat(path, ".", field);
    if (absl::StartsWith(field, "$")) {
      if (!IsDirective(field)) return InvalidField(at, "unknown directive");
      continue;
    }
    if (value.is_object()) {
      RETURN_IF_ERROR(ValidateKeyedLists(at, value));
      continue;
    }
    const char* key = MergeKey(field);
    if (key == nullptr || !value.is_array()) continue;
    for (size_t i = 0; i < value.size(); ++i) {
      const std::string member = absl::StrCat(at, "[", i, "]");
      if (!value[i].is_object()) return InvalidField(member, "must be an object");
      if (value[i].value("$patch", json()) == "replace") continue;
      const json found = value[i].value(key, json());
      const bool is_port = field == "ports";
      if (found.is_null()) return InvalidField(absl::StrCat(member, ".", key), "is missing");
      if (is_port ? !found.is_number_integer() : !found.is_string()) {
        return InvalidField(absl::StrCat(member, ".", key),
                            is_port ? "must be a whole number" : "must be a string");
      }
      RETURN_IF_ERROR(ValidateKeyedLists(member, value[i]));
    }
  }
  return absl::OkStatus();
}

absl::Status ValidatePodSpec(const std::string& path, const json& spec) {
  for (const auto& [field, value] : spec.items()) {
    const std::string at = absl::StrCat(path, ".", field);
    if (WouldRemoveOurs(field)) return InvalidField(at, "would remove what Spawner sets");
    if (IsDirective(field)) continue;
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
      const std::string member = absl::StrCat(at, "[", i, "]");
      if (field == "containers" && value[i].value("$patch", json()) == "replace") {
        return InvalidField(member, "can't replace all containers");
      }
      RETURN_IF_ERROR(ValidateContainer(member, value[i]));
    }
  }
  return absl::OkStatus();
}

// What Spawner set in `object` at `names` is still as it was.
absl::Status CheckSame(const std::string& path, const json& before, const json& after,
                       bool (*is_ours)(absl::string_view)) {
  for (const auto& [name, value] : before.items()) {
    if (is_ours(name) && after.value(name, json()) != value) {
      return InvalidField(absl::StrCat(path, ".", name), "is set by Spawner");
    }
  }
  return absl::OkStatus();
}

// "NAME": value, of the reserved ones of a container's environment.
json ReservedEnv(const json& container) {
  json reserved = json::object();
  for (const json& variable : container.value("env", json::array())) {
    const std::string name = TextOf(variable, "name");
    if (IsReservedEnv(name)) reserved[name] = variable;
  }
  return reserved;
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
  RETURN_IF_ERROR(ValidateKeyedLists(kRoot, patch));
  for (const auto& [field, value] : patch.items()) {
    const std::string at = absl::StrCat(kRoot, ".", field);
    if (WouldRemoveOurs(field)) return InvalidField(at, "would remove what Spawner sets");
    if (field != "metadata" && field != "spec") {
      return InvalidField(at, "unknown field; metadata and spec can be overridden");
    }
    if (!value.is_object()) return InvalidField(at, "must be an object");
    RETURN_IF_ERROR(field == "metadata" ? ValidateMetadata(at, value) : ValidatePodSpec(at, value));
  }
  return absl::OkStatus();
}

absl::Status MergeOverrides(const json& patch, absl::string_view backend, json& pod) {
  const json before = pod;
  RETURN_IF_ERROR(StrategicMerge(kRoot, patch, pod));
  for (const char* field : {"labels", "annotations"}) {
    RETURN_IF_ERROR(CheckSame(absl::StrCat(kRoot, ".metadata.", field), before["metadata"][field],
                              pod["metadata"].value(field, json::object()), &IsOurName));
  }
  const std::string at = absl::StrCat(kRoot, ".spec.containers[", backend, "]");
  const json* mine = FindContainer(before, backend);
  const json* merged = FindContainer(pod, backend);
  if (merged == nullptr) return InvalidField(at, "can't be removed; it serves the session");
  return CheckSame(absl::StrCat(at, ".env"), ReservedEnv(*mine), ReservedEnv(*merged),
                   &IsReservedEnv);
}

const json* FindContainer(const json& pod, absl::string_view name) {
  const auto spec = pod.find("spec");
  if (spec == pod.end() || !spec->is_object()) return nullptr;
  const auto containers = spec->find("containers");
  if (containers == spec->end() || !containers->is_array()) return nullptr;
  for (const json& container : *containers) {
    if (TextOf(container, "name") == name) return &container;
  }
  return nullptr;
}

std::string TextOf(const json& object, const char* field) {
  if (!object.is_object()) return "";
  const auto found = object.find(field);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string ToText(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace spawner
