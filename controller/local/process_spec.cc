#include "controller/local/process_spec.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "controller/local/limits.h"
#include "controller/local/object_schema.h"

namespace spawner::local {
namespace {

using Kind = FieldFault::Kind;
using Environment = std::map<std::string, std::string>;

constexpr const char* kPodFields[] = {
    "activeDeadlineSeconds",
    "automountServiceAccountToken",
    "containers",
    "dnsPolicy",
    "enableServiceLinks",
    "hostname",
    "imagePullSecrets",
    "preemptionPolicy",
    "priorityClassName",
    "restartPolicy",
    "schedulerName",
    "securityContext",
    "serviceAccountName",
    "subdomain",
    "terminationGracePeriodSeconds",
    "tolerations",
};

constexpr const char* kContainerFields[] = {
    "args",
    "command",
    "env",
    "image",
    "imagePullPolicy",
    "name",
    "ports",
    "readinessProbe",
    "resources",
    "securityContext",
    "startupProbe",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "workingDir",
};

template <size_t kCount>
void CheckKnown(const Json& object, const char* const (&fields)[kCount], const std::string& path,
                std::vector<FieldFault>& faults) {
  for (const auto& member : object.items()) {
    if (std::find(std::begin(fields), std::end(fields), member.key()) != std::end(fields)) {
      continue;
    }
    if (member.value().empty() || member.value() == false) continue;  // as if it were not there
    faults.push_back(
        {Kind::kForbidden, absl::StrCat(path, ".", member.key()),
         "Forbidden: local mode runs plain processes and does not support this field"});
  }
}

// The text that a fieldRef stands for; nothing if local mode doesn't know the field.
std::optional<std::string> FieldRef(const Json& pod, const std::string& field,
                                    const std::string& ip) {
  if (field == "metadata.name") return MetaText(pod, "name");
  if (field == "metadata.namespace") return MetaText(pod, "namespace");
  if (field == "metadata.uid") return MetaText(pod, "uid");
  if (field == "status.podIP" || field == "status.hostIP") return ip;
  if (field == "spec.nodeName") return "local";
  return std::nullopt;
}

// The path in valueFrom.fieldRef, empty if the value comes from elsewhere.
std::string FieldPathOf(const Json& variable) {
  absl::Status ignored;  // decoded pods have the right types
  return JsonReader(variable, "", ignored)
      .Object("valueFrom")
      .Object("fieldRef")
      .String("fieldPath");
}

void CheckVariables(const Json& pod, const Json& container, std::vector<FieldFault>& faults) {
  if (!container.contains("env")) return;
  size_t index = 0;
  for (const Json& variable : container["env"]) {
    const size_t at = index++;
    if (!variable.contains("valueFrom") || FieldRef(pod, FieldPathOf(variable), "")) continue;
    faults.push_back({Kind::kForbidden, absl::StrCat("spec.containers[0].env[", at, "].valueFrom"),
                      "Forbidden: local mode supports fieldRef of metadata.name, "
                      "metadata.namespace, metadata.uid, status.podIP, status.hostIP and "
                      "spec.nodeName"});
  }
}

void CheckProbe(const Json& container, const char* probe, std::vector<FieldFault>& faults) {
  if (!container.contains(probe)) return;
  for (const char* kind : {"exec", "grpc"}) {
    if (!container[probe].contains(kind)) continue;
    faults.push_back({Kind::kForbidden, absl::StrCat("spec.containers[0].", probe, ".", kind),
                      "Forbidden: local mode supports tcpSocket and httpGet, both as a TCP "
                      "connection to the port"});
  }
}

size_t CountOf(const Json& container, const char* field) {
  return container.contains(field) ? container[field].size() : 0;
}

// Replaces $(NAME) by its value if there is one, and $$ by $.
// https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-container/
std::string Expand(const std::string& text, const Environment& environment) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 == text.size()) {
      out.push_back(text[i]);
    } else if (text[i + 1] == '$') {
      out.push_back('$');
      ++i;
    } else if (const size_t end = text.find(')', i);
               text[i + 1] == '(' && end != std::string::npos) {
      const auto found = environment.find(text.substr(i + 2, end - i - 2));
      out += found == environment.end() ? text.substr(i, end - i + 1) : found->second;
      i = end;
    } else {
      out.push_back('$');
    }
  }
  return out;
}

std::optional<uint16_t> PortFrom(int64_t number) {
  if (number < 1 || number > 65535) return std::nullopt;
  return static_cast<uint16_t>(number);
}

// A port as a probe names it: a number, or the name of one of the container's ports.
std::optional<uint16_t> ProbePort(const Json& container) {
  if (!container.contains("readinessProbe")) return std::nullopt;
  const Json& probe = container["readinessProbe"];
  for (const char* kind : {"tcpSocket", "httpGet"}) {
    if (!probe.contains(kind) || !probe[kind].is_object()) continue;
    const Json port = probe[kind].value("port", Json());
    if (port.is_number_integer()) return PortFrom(port.get<int64_t>());
    if (!port.is_string() || !container.contains("ports")) continue;
    for (const Json& known : container["ports"]) {
      if (known.value("name", "") == port.get_ref<const std::string&>()) {
        return PortFrom(known.value("containerPort", int64_t{0}));
      }
    }
  }
  return std::nullopt;
}

std::optional<uint16_t> DeclaredPort(const Json& container) {
  if (CountOf(container, "ports") == 0) return std::nullopt;
  return PortFrom(container["ports"][0].value("containerPort", int64_t{0}));
}

Environment MakeEnvironment(const Json& pod, const Json& container, const std::string& ip,
                            const ProcessDefaults& defaults) {
  Environment environment = {{"HOME", defaults.home}, {"HOST", ip}, {"PATH", defaults.path}};
  if (const auto port = DeclaredPort(container)) environment["PORT"] = absl::StrCat(*port);
  if (!container.contains("env")) return environment;
  for (const Json& variable : container["env"]) {
    const std::string name = variable.value("name", "");
    const std::optional<std::string> field = FieldRef(pod, FieldPathOf(variable), ip);
    environment[name] = field ? *field : Expand(variable.value("value", ""), environment);
  }
  return environment;
}

}  // namespace

void CheckLocalPod(const Json& pod, std::vector<FieldFault>& faults) {
  const Json& spec = pod.at("spec");
  CheckKnown(spec, kPodFields, "spec", faults);
  if (spec["containers"].size() > 1) {
    faults.push_back({Kind::kForbidden, "spec.containers[1]",
                      "Forbidden: local mode runs one container in a pod"});
    return;
  }
  const Json& container = spec["containers"][0];
  CheckKnown(container, kContainerFields, "spec.containers[0]", faults);
  CheckVariables(pod, container, faults);
  CheckProbe(container, "readinessProbe", faults);
  CheckProbe(container, "startupProbe", faults);
  if (CountOf(container, "command") + CountOf(container, "args") > kArgumentsMax) {
    faults.push_back({Kind::kInvalid, "spec.containers[0].args",
                      absl::StrCat("Too many: must have at most ", kArgumentsMax, " items")});
  }
}

bool IsImageOnly(const Json& pod) {
  return CountOf(pod.at("spec")["containers"][0], "command") == 0;
}

ProcessSpec MakeProcessSpec(const Json& pod, const std::string& ip,
                            const ProcessDefaults& defaults) {
  const Json& container = pod.at("spec")["containers"][0];
  const Environment environment = MakeEnvironment(pod, container, ip, defaults);
  ProcessSpec spec;
  for (const char* field : {"command", "args"}) {
    if (!container.contains(field)) continue;
    for (const Json& word : container[field]) {
      spec.argv.push_back(Expand(word.get_ref<const std::string&>(), environment));
    }
  }
  for (const auto& [name, value] : environment) {
    spec.environment.push_back(absl::StrCat(name, "=", value));
  }
  spec.working_dir = container.value("workingDir", "");
  spec.port = ProbePort(container);
  if (!spec.port) spec.port = DeclaredPort(container);
  int64_t number = 0;
  if (const auto text = environment.find("PORT");
      !spec.port && text != environment.end() && absl::SimpleAtoi(text->second, &number)) {
    spec.port = PortFrom(number);
  }
  return spec;
}

}  // namespace spawner::local
