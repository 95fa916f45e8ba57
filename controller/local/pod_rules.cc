#include "controller/local/pod_rules.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/ids.h"
#include "controller/local/limits.h"

namespace spawner::local {
namespace {

using Kind = FieldFault::Kind;

void SetDefault(Json& object, const char* field, Json value) {
  if (!object.contains(field)) object[field] = std::move(value);
}

std::optional<int64_t> IntOf(const Json& object, const char* field) {
  const auto found = object.find(field);
  if (found == object.end()) return std::nullopt;
  return found->get<int64_t>();
}

void CheckRange(const Json& object, const char* field, int64_t min, int64_t max,
                const std::string& path, std::vector<FieldFault>& faults) {
  const std::optional<int64_t> value = IntOf(object, field);
  if (!value || (*value >= min && *value <= max)) return;
  faults.push_back({Kind::kInvalid, path,
                    absl::StrCat("Invalid value: ", *value, ": must be between ", min, " and ", max,
                                 ", inclusive")});
}

void CheckPorts(const Json& container, const std::string& path, std::vector<FieldFault>& faults) {
  if (!container.contains("ports")) return;
  size_t index = 0;
  for (const Json& port : container["ports"]) {
    const std::string field = absl::StrCat(path, ".ports[", index++, "].containerPort");
    if (!port.contains("containerPort")) {
      faults.push_back({Kind::kRequired, field, "Required value"});
    }
    CheckRange(port, "containerPort", 1, 65535, field, faults);
  }
}

void CheckEnvironment(const Json& container, const std::string& path,
                      std::vector<FieldFault>& faults) {
  if (!container.contains("env")) return;
  const Json& env = container["env"];
  if (env.size() > kEnvironmentMax) {
    faults.push_back({Kind::kInvalid, path + ".env",
                      absl::StrCat("Too many: ", env.size(), ": must have at most ",
                                   kEnvironmentMax, " items")});
  }
  for (size_t i = 0; i < env.size(); ++i) {
    const std::string name = env[i].value("name", "");
    const std::string field = absl::StrCat(path, ".env[", i, "].name");
    if (name.empty()) {
      faults.push_back({Kind::kRequired, field, "Required value"});
    } else if (name.find('=') != std::string::npos || name.find('\0') != std::string::npos) {
      faults.push_back({Kind::kInvalid, field,
                        "Invalid value: a valid environment variable name must not contain '='"});
    }
  }
}

void CheckContainer(const Json& container, const std::string& path, std::set<std::string>& names,
                    std::vector<FieldFault>& faults) {
  const std::string name = container.value("name", "");
  if (name.empty()) {
    faults.push_back({Kind::kRequired, path + ".name", "Required value"});
  } else if (!IsDnsLabel(name)) {
    faults.push_back({Kind::kInvalid, path + ".name",
                      absl::StrCat("Invalid value: \"", name, "\": not an RFC 1123 label")});
  } else if (!names.insert(name).second) {
    faults.push_back(
        {Kind::kInvalid, path + ".name", absl::StrCat("Duplicate value: \"", name, "\"")});
  }
  if (container.value("image", "").empty()) {
    faults.push_back({Kind::kRequired, path + ".image", "Required value"});
  }
  CheckPorts(container, path, faults);
  CheckEnvironment(container, path, faults);
}

// As the real server's decoder does, for new and for changed pods alike.
void SetSpecDefaults(Json& pod) {
  SetDefault(pod, "spec", Json::object());
  Json& spec = pod["spec"];
  SetDefault(spec, "restartPolicy", "Always");
  SetDefault(spec, "terminationGracePeriodSeconds", kGraceSecondsDefault);
  SetDefault(spec, "dnsPolicy", "ClusterFirst");
  SetDefault(spec, "schedulerName", "default-scheduler");
  SetDefault(spec, "securityContext", Json::object());
  SetDefault(spec, "enableServiceLinks", true);
  SetDefault(spec, "containers", Json::array());
  for (Json& container : spec["containers"]) {
    SetDefault(container, "imagePullPolicy", "IfNotPresent");
    SetDefault(container, "resources", Json::object());
    SetDefault(container, "terminationMessagePath", "/dev/termination-log");
    SetDefault(container, "terminationMessagePolicy", "File");
  }
}

// The part of a spec that no update may change.
Json FixedPart(Json spec) {
  spec.erase("activeDeadlineSeconds");
  spec.erase("tolerations");
  for (Json& container : spec["containers"]) container.erase("image");
  return spec;
}

// `below` comes before the paths of the faults.
void CheckSpec(Json& spec, const std::string& below, std::vector<FieldFault>& faults) {
  if (IntOf(spec, "terminationGracePeriodSeconds").value_or(0) < 0) {
    spec["terminationGracePeriodSeconds"] = kGraceSecondsOfNegative;
  }
  CheckRange(spec, "terminationGracePeriodSeconds", 0, kGraceSecondsMax,
             below + "spec.terminationGracePeriodSeconds", faults);
  CheckRange(spec, "activeDeadlineSeconds", 1, kDeadlineSecondsMax,
             below + "spec.activeDeadlineSeconds", faults);
  if (spec["containers"].empty()) {
    faults.push_back({Kind::kRequired, below + "spec.containers", "Required value"});
  }
  if (spec["containers"].size() > kContainersMax) {
    faults.push_back({Kind::kInvalid, below + "spec.containers",
                      absl::StrCat("Too many: must have at most ", kContainersMax, " items")});
    return;
  }
  std::set<std::string> names;
  size_t index = 0;
  for (const Json& container : spec["containers"]) {
    CheckContainer(container, absl::StrCat(below, "spec.containers[", index++, "]"), names, faults);
  }
}

// All of `before` are still there.
bool AreTolerationsKept(const Json& before, const Json& spec) {
  const Json none = Json::array();
  const Json& now = spec.contains("tolerations") ? spec["tolerations"] : none;
  const Json& old = before.contains("tolerations") ? before["tolerations"] : none;
  return std::all_of(old.begin(), old.end(), [&now](const Json& toleration) {
    return std::find(now.begin(), now.end(), toleration) != now.end();
  });
}

void CheckDeadlineUpdate(const Json& before, const Json& spec, std::vector<FieldFault>& faults) {
  const std::optional<int64_t> old = IntOf(before, "activeDeadlineSeconds");
  const std::optional<int64_t> now = IntOf(spec, "activeDeadlineSeconds");
  if (old && !now) {
    faults.push_back({Kind::kInvalid, "spec.activeDeadlineSeconds",
                      "Invalid value: null: must not update from a positive integer to nil value"});
  } else if (old && *now > *old) {
    faults.push_back(
        {Kind::kInvalid, "spec.activeDeadlineSeconds",
         absl::StrCat("Invalid value: ", *now, ": must be less than or equal to previous value")});
  }
  CheckRange(spec, "activeDeadlineSeconds", 1, kDeadlineSecondsMax, "spec.activeDeadlineSeconds",
             faults);
}

}  // namespace

void CheckNewPod(Json& pod, std::vector<FieldFault>& faults) {
  SetSpecDefaults(pod);
  Json& spec = pod["spec"];
  if (spec["restartPolicy"] != "Never") {
    faults.push_back(
        {Kind::kNotSupported, "spec.restartPolicy",
         absl::StrCat("Unsupported value: \"", spec["restartPolicy"].get<std::string>(),
                      "\": local mode supports \"Never\"")});
  }
  CheckSpec(spec, "", faults);
  pod["status"] = {{"phase", "Pending"}, {"qosClass", "BestEffort"}};
}

void CheckPodTemplate(Json& object, std::vector<FieldFault>& faults) {
  SetDefault(object, "template", Json::object());
  Json& pod = object["template"];
  SetSpecDefaults(pod);
  SetDefault(pod, "metadata", Json::object());
  const std::string policy = pod["spec"]["restartPolicy"];
  if (policy != "Always" && policy != "OnFailure" && policy != "Never") {
    faults.push_back({Kind::kNotSupported, "template.spec.restartPolicy",
                      absl::StrCat("Unsupported value: \"", policy, "\"")});
  }
  CheckSpec(pod["spec"], "template.", faults);
}

void CheckPodUpdate(const Json& before, Json& pod, std::vector<FieldFault>& faults) {
  pod["status"] = before.at("status");
  const Json& old = before.at("spec");
  SetSpecDefaults(pod);
  const Json& spec = pod["spec"];
  CheckDeadlineUpdate(old, spec, faults);
  size_t index = 0;
  for (const Json& container : spec["containers"]) {
    const std::string path = absl::StrCat("spec.containers[", index++, "].image");
    if (container.value("image", "").empty()) {
      faults.push_back({Kind::kRequired, path, "Required value"});
    }
  }
  if (FixedPart(old) != FixedPart(spec) || !AreTolerationsKept(old, spec)) {
    faults.push_back({Kind::kForbidden, "spec",
                      "Forbidden: pod updates may not change fields other than "
                      "`spec.containers[*].image`,`spec.initContainers[*].image`,"
                      "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
                      "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 "
                      "if it was previously negative)"});
  }
}

void CarryAllButStatus(const Json& before, Json& pod) {
  Json status = pod.contains("status") ? pod["status"] : Json::object();
  Json version = pod["metadata"].value("resourceVersion", "");
  pod = before;
  pod["status"] = std::move(status);
  pod["metadata"]["resourceVersion"] = std::move(version);
}

}  // namespace spawner::local
