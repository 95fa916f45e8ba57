#include "controller/local/object_schema.h"

#include <cstdint>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace spawner::local {
namespace {

enum class Type { kText, kInteger, kBool, kObject, kList, kTextMap, kTextList };

struct Field {
  absl::string_view path;  // "spec.containers[].name"; [] is each element
  Type type;
};

constexpr Field kMetaFields[] = {
    {"apiVersion", Type::kText},
    {"kind", Type::kText},
    {"metadata", Type::kObject},
    {"metadata.name", Type::kText},
    {"metadata.namespace", Type::kText},
    {"metadata.uid", Type::kText},
    {"metadata.resourceVersion", Type::kText},
    {"metadata.creationTimestamp", Type::kText},
    {"metadata.deletionTimestamp", Type::kText},
    {"metadata.deletionGracePeriodSeconds", Type::kInteger},
    {"metadata.generation", Type::kInteger},
    {"metadata.labels", Type::kTextMap},
    {"metadata.annotations", Type::kTextMap},
    {"metadata.finalizers", Type::kTextList},
    {"metadata.ownerReferences", Type::kList},
};

constexpr Field kPodFields[] = {
    {"spec", Type::kObject},
    {"spec.restartPolicy", Type::kText},
    {"spec.nodeName", Type::kText},
    {"spec.hostname", Type::kText},
    {"spec.terminationGracePeriodSeconds", Type::kInteger},
    {"spec.activeDeadlineSeconds", Type::kInteger},
    {"spec.automountServiceAccountToken", Type::kBool},
    {"spec.enableServiceLinks", Type::kBool},
    {"spec.securityContext", Type::kObject},
    {"spec.nodeSelector", Type::kTextMap},
    {"spec.affinity", Type::kObject},
    {"spec.tolerations", Type::kList},
    {"spec.tolerations[]", Type::kObject},
    {"spec.volumes", Type::kList},
    {"spec.volumes[]", Type::kObject},
    {"spec.volumes[].name", Type::kText},
    {"spec.initContainers", Type::kList},
    {"spec.initContainers[]", Type::kObject},
    {"spec.containers", Type::kList},
    {"spec.containers[]", Type::kObject},
    {"spec.containers[].name", Type::kText},
    {"spec.containers[].image", Type::kText},
    {"spec.containers[].imagePullPolicy", Type::kText},
    {"spec.containers[].workingDir", Type::kText},
    {"spec.containers[].command", Type::kTextList},
    {"spec.containers[].args", Type::kTextList},
    {"spec.containers[].env", Type::kList},
    {"spec.containers[].env[]", Type::kObject},
    {"spec.containers[].env[].name", Type::kText},
    {"spec.containers[].env[].value", Type::kText},
    {"spec.containers[].env[].valueFrom", Type::kObject},
    {"spec.containers[].env[].valueFrom.fieldRef", Type::kObject},
    {"spec.containers[].env[].valueFrom.fieldRef.fieldPath", Type::kText},
    {"spec.containers[].ports", Type::kList},
    {"spec.containers[].ports[]", Type::kObject},
    {"spec.containers[].ports[].containerPort", Type::kInteger},
    {"spec.containers[].ports[].name", Type::kText},
    {"spec.containers[].resources", Type::kObject},
    {"spec.containers[].securityContext", Type::kObject},
    {"spec.containers[].readinessProbe", Type::kObject},
    {"spec.containers[].startupProbe", Type::kObject},
    {"spec.containers[].livenessProbe", Type::kObject},
    {"spec.containers[].volumeMounts", Type::kList},
    {"status", Type::kObject},
    {"status.phase", Type::kText},
    {"status.conditions", Type::kList},
    {"status.conditions[]", Type::kObject},
    {"status.conditions[].type", Type::kText},
    {"status.containerStatuses", Type::kList},
    {"status.containerStatuses[]", Type::kObject},
};

constexpr Field kTemplateMetaFields[] = {
    {"metadata", Type::kObject},
    {"metadata.labels", Type::kTextMap},
    {"metadata.annotations", Type::kTextMap},
};

// What stands in `template` is checked as a pod is.
constexpr Field kPodTemplateFields[] = {
    {"template", Type::kObject},
};

constexpr Field kSecretFields[] = {
    {"data", Type::kTextMap},
    {"stringData", Type::kTextMap},
    {"type", Type::kText},
    {"immutable", Type::kBool},
};

constexpr Field kLeaseFields[] = {
    {"spec", Type::kObject},
    {"spec.holderIdentity", Type::kText},
    {"spec.leaseDurationSeconds", Type::kInteger},
    {"spec.acquireTime", Type::kText},
    {"spec.renewTime", Type::kText},
    {"spec.leaseTransitions", Type::kInteger},
};

constexpr Field kClaimFields[] = {
    {"spec", Type::kObject},
    {"spec.accessModes", Type::kTextList},
    {"spec.storageClassName", Type::kText},
    {"spec.resources", Type::kObject},
    {"spec.resources.requests", Type::kTextMap},
};

bool IsInteger(const Json& value) {
  return value.is_number_integer() &&
         (!value.is_number_unsigned() || value.get<uint64_t>() <= uint64_t{INT64_MAX});
}

bool AreTexts(const Json& values) {
  for (const Json& value : values) {
    if (!value.is_string()) return false;
  }
  return true;
}

bool HasType(const Json& value, Type type) {
  switch (type) {
    case Type::kText:
      return value.is_string();
    case Type::kInteger:
      return IsInteger(value);
    case Type::kBool:
      return value.is_boolean();
    case Type::kObject:
      return value.is_object();
    case Type::kList:
      return value.is_array();
    case Type::kTextMap:
      return value.is_object() && AreTexts(value);
    case Type::kTextList:
      return value.is_array() && AreTexts(value);
  }
  return false;
}

absl::string_view NameOf(Type type) {
  switch (type) {
    case Type::kText:
      return "string";
    case Type::kInteger:
      return "int64";
    case Type::kBool:
      return "bool";
    case Type::kObject:
      return "object";
    case Type::kList:
      return "array";
    case Type::kTextMap:
      return "map[string]string";
    case Type::kTextList:
      return "[]string";
  }
  return "unknown";
}

// True if all that `steps` from `at` lead to has `type`; what is absent has. Parents come earlier
// in the tables, so that they have their types here.
bool AllHaveType(const Json& value, const std::vector<std::string>& steps, size_t at, Type type) {
  if (at == steps.size()) return HasType(value, type);
  absl::string_view step = steps[at];
  const bool is_each = absl::ConsumeSuffix(&step, "[]");
  const auto member = value.find(std::string(step));
  if (member == value.end()) return true;
  if (!is_each) return AllHaveType(*member, steps, at + 1, type);
  for (const Json& element : *member) {
    if (!AllHaveType(element, steps, at + 1, type)) return false;
  }
  return true;
}

// Bounded: ParseJson refuses what nests deeper than kJsonDepthMax.
void TakeNullsOut(Json& value) {
  if (value.is_object()) {
    for (auto member = value.begin(); member != value.end();) {
      if (member->is_null()) {
        member = value.erase(member);
      } else {
        TakeNullsOut(*member);
        ++member;
      }
    }
  } else if (value.is_array()) {
    for (Json& element : value) TakeNullsOut(element);
  }
}

template <size_t kCount>
std::optional<ApiError> CheckFields(const Json& object, const Field (&fields)[kCount],
                                    absl::string_view kind, absl::string_view below = "") {
  for (const Field& field : fields) {
    const std::vector<std::string> steps = absl::StrSplit(field.path, '.');
    if (AllHaveType(object, steps, 0, field.type)) continue;
    return BadRequest(absl::StrCat(kind, " in version \"v1\" cannot be handled as a ", kind,
                                   ": json: cannot unmarshal field ", below, field.path,
                                   " into type ", NameOf(field.type)));
  }
  return std::nullopt;
}

std::optional<ApiError> CheckTypes(Resource resource, const Json& object) {
  const absl::string_view kind = InfoOf(resource).kind;
  if (auto error = CheckFields(object, kMetaFields, kind)) return error;
  switch (resource) {
    case Resource::kPods:
      return CheckFields(object, kPodFields, kind);
    case Resource::kPodTemplates: {
      if (auto error = CheckFields(object, kPodTemplateFields, kind)) return error;
      const Json pod = object.value("template", Json::object());
      if (auto error = CheckFields(pod, kTemplateMetaFields, kind, "template.")) return error;
      return CheckFields(pod, kPodFields, kind, "template.");
    }
    case Resource::kSecrets:
      return CheckFields(object, kSecretFields, kind);
    case Resource::kLeases:
      return CheckFields(object, kLeaseFields, kind);
    case Resource::kEvents:  // nobody writes them
      return std::nullopt;
    case Resource::kClaims:
      return CheckFields(object, kClaimFields, kind);
  }
  return std::nullopt;
}

}  // namespace

std::optional<ApiError> DecodeObject(Resource resource, Json& object) {
  const ResourceInfo& info = InfoOf(resource);
  if (!object.is_object()) {
    return BadRequest(absl::StrCat("the body is not an object of kind ", info.kind));
  }
  TakeNullsOut(object);
  if (auto error = CheckTypes(resource, object)) return error;
  const std::string kind = object.value("kind", std::string(info.kind));
  const std::string version = object.value("apiVersion", std::string(info.api_version));
  if (kind != std::string(info.kind) || version != std::string(info.api_version)) {
    return BadRequest(absl::StrCat("the object provided is unrecognized: ", version, " ", kind,
                                   ", expected ", info.api_version, " ", info.kind));
  }
  object["kind"] = kind;
  object["apiVersion"] = version;
  if (!object.contains("metadata")) object["metadata"] = Json::object();
  return std::nullopt;
}

std::string MetaText(const Json& object, const char* field) {
  absl::Status ignored;  // decoded objects have the right types
  return JsonReader(object, "", ignored).Object("metadata").String(field);
}

}  // namespace spawner::local
