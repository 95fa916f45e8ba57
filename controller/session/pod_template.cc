#include "controller/session/pod_template.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/session/limits.h"
#include "controller/session/overrides.h"
#include "controller/session/volume_claim.h"
#include "nlohmann/json.hpp"

namespace spawner {
namespace {

using nlohmann::json;

constexpr char kSpec[] = "spawner.dev/spec";
constexpr char kKey[] = "spawner.dev/key";
constexpr char kTag[] = "spawner.dev/tag";
constexpr char kEpoch[] = "spawner.dev/epoch";
constexpr char kRequestId[] = "spawner.dev/request-id";
constexpr char kPayloadHash[] = "spawner.dev/payload-hash";
constexpr char kUser[] = "spawner.dev/user";
constexpr char kProtocol[] = "spawner.dev/protocol";
constexpr char kReason[] = "spawner.dev/reason";
constexpr char kMessage[] = "spawner.dev/message";
constexpr char kEndTime[] = "spawner.dev/end-time";
constexpr char kTemplateVersion[] = "spawner.dev/template-version";
constexpr char kOurPrefix[] = "spawner.dev/";

json Environment(const PodIdentity& identity, const SessionSpec& spec) {
  const std::string epoch = absl::StrCat(identity.epoch.value);
  json env = json::array();
  const auto add = [&env](absl::string_view name, const std::string& value) {
    env.push_back({{"name", std::string(name)}, {"value", value}});
  };
  for (const auto& [name, value] : spec.env) add(name, value);
  add("PORT", absl::StrCat(spec.port));
  add("SPAWNER_SESSION", identity.id.value);
  add("SPAWNER_KEY", identity.key.name);
  add("SPAWNER_EPOCH", epoch);
  // Plane's names: its backends run unchanged.
  add("SESSION_BACKEND_ID", identity.id.value);
  add("SESSION_BACKEND_KEY", identity.key.name);
  add("SESSION_BACKEND_FENCING_TOKEN", epoch);
  return env;
}

// Within the `restricted` Pod Security standard.
json BackendContainer(const PodIdentity& identity, const SessionSpec& spec) {
  json container = {
      {"name", kBackendContainer},
      {"image", spec.image},
      {"env", Environment(identity, spec)},
      {"ports", {{{"name", "http"}, {"containerPort", spec.port}, {"protocol", "TCP"}}}},
      {"readinessProbe",
       {{"tcpSocket", {{"port", spec.port}}}, {"periodSeconds", 1}, {"timeoutSeconds", 1}}},
      {"terminationMessagePolicy", "FallbackToLogsOnError"},
      {"securityContext",
       {{"allowPrivilegeEscalation", false}, {"capabilities", {{"drop", json::array({"ALL"})}}}}},
  };
  if (!spec.command.empty()) container["command"] = spec.command;
  if (!spec.args.empty()) container["args"] = spec.args;
  if (!spec.requests.empty()) container["resources"]["requests"] = spec.requests;
  if (!spec.limits.empty()) container["resources"]["limits"] = spec.limits;
  // An image of the development cluster is imported by hand; there is no registry to ask.
  if (absl::EndsWith(spec.image, ":dev")) container["imagePullPolicy"] = "IfNotPresent";
  return container;
}

json Metadata(const PodIdentity& identity, const SessionSpec& spec) {
  json labels = json::object();
  for (const auto& [name, value] : spec.labels) labels[name] = value;
  labels[kSessionLabel] = identity.id.value;
  labels[kManagedLabel] = "true";
  json annotations = {{kSpec, EncodeSpec(spec)}, {kEpoch, absl::StrCat(identity.epoch.value)}};
  const auto add = [&annotations](const char* name, const std::string& value) {
    if (!value.empty()) annotations[name] = value;
  };
  add(kKey, identity.key.name);
  add(kTag, identity.key.tag);
  add(kRequestId, identity.request_id.value_or_empty());
  add(kPayloadHash, identity.payload_hash.value_or_empty());
  add(kUser, identity.user.value_or_empty());
  // For people and tools; the spec has it too.
  if (spec.protocol == BackendProtocol::kH2c) add(kProtocol, "h2c");
  return {
      {"name", PodName(identity.id, identity.epoch)},
      {"namespace", identity.ns},
      {"labels", std::move(labels)},
      {"annotations", std::move(annotations)},
  };
}

json WithoutOurs(const json& names) {
  json kept = json::object();
  for (const auto& [name, value] : names.items()) {
    if (!absl::StartsWith(name, "spawner.dev/")) kept[name] = value;
  }
  return kept;
}

// `above` wins, member by member.
json Joined(json below, const json& above) {
  if (!below.is_object()) below = json::object();
  below.update(above);
  return below;
}

json WithEnvironment(const json& env, const json& ours) {
  json joined = json::array();
  for (const json& variable : env.is_array() ? env : json::array()) {
    const auto is_same = [&](const json& other) {
      return other["name"] == TextOf(variable, "name");
    };
    if (std::none_of(ours.begin(), ours.end(), is_same)) joined.push_back(variable);
  }
  for (const json& variable : ours) joined.push_back(variable);
  return joined;
}

// The template's container that serves, with what the session and its backend need.
void ServeWith(const PodIdentity& identity, const SessionSpec& spec, json& container) {
  container["env"] = WithEnvironment(container.value("env", json()), Environment(identity, spec));
  if (!spec.command.empty()) container["command"] = spec.command;
  if (!spec.args.empty()) container["args"] = spec.args;
  json resources = container.value("resources", json::object());
  if (!spec.requests.empty()) {
    resources["requests"] = Joined(resources.value("requests", json()), spec.requests);
  }
  if (!spec.limits.empty()) {
    resources["limits"] = Joined(resources.value("limits", json()), spec.limits);
  }
  if (!resources.empty()) container["resources"] = std::move(resources);
  if (!container.contains("readinessProbe")) {
    container["readinessProbe"] = {
        {"tcpSocket", {{"port", spec.port}}}, {"periodSeconds", 1}, {"timeoutSeconds", 1}};
  }
  // "File" is what the API server fills in.
  if (container.value("terminationMessagePolicy", "File") == "File") {
    container["terminationMessagePolicy"] = "FallbackToLogsOnError";
  }
}

json PodFrom(const SessionTemplate& from, const PodIdentity& identity, const SessionSpec& spec) {
  json pod = from.pod;
  json ours = Metadata(identity, spec);
  const json theirs = pod.value("metadata", json::object());
  for (const char* field : {"labels", "annotations"}) {
    ours[field] = Joined(WithoutOurs(theirs.value(field, json::object())), ours[field]);
  }
  ours["annotations"][kTemplateVersion] = from.resource_version;
  if (from.container != kBackendContainer) {
    ours["annotations"][kContainerAnnotation] = from.container;
  }
  pod["apiVersion"] = "v1";
  pod["kind"] = "Pod";
  pod["metadata"] = std::move(ours);
  json& pod_spec = pod["spec"];
  pod_spec["restartPolicy"] = "Never";
  pod_spec["enableServiceLinks"] = false;
  pod_spec["terminationGracePeriodSeconds"] = absl::ToInt64Seconds(spec.lifetime.stop_grace);
  if (!pod_spec.contains("automountServiceAccountToken")) {
    pod_spec["automountServiceAccountToken"] = false;
  }
  for (json& container : pod_spec["containers"]) {
    if (TextOf(container, "name") == from.container) ServeWith(identity, spec, container);
  }
  return pod;
}

json PodOfImage(const PodIdentity& identity, const SessionSpec& spec) {
  return {
      {"apiVersion", "v1"},
      {"kind", "Pod"},
      {"metadata", Metadata(identity, spec)},
      {"spec",
       {
           {"containers", json::array({BackendContainer(identity, spec)})},
           {"restartPolicy", "Never"},
           {"automountServiceAccountToken", false},
           {"enableServiceLinks", false},
           {"terminationGracePeriodSeconds", absl::ToInt64Seconds(spec.lifetime.stop_grace)},
           {"securityContext",
            {{"runAsNonRoot", true}, {"seccompProfile", {{"type", "RuntimeDefault"}}}}},
       }},
  };
}

absl::Status Mangled(const kube::Pod& pod, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("read session from pod ", pod.ns, "/", pod.name, ": ", what));
}

std::string Annotation(const kube::PodState& pod, const char* name) {
  const auto found = pod.annotations.find(name);
  return found == pod.annotations.end() ? std::string() : found->second;
}

std::optional<EndRecord> ParseEnd(const kube::PodState& pod) {
  const std::string name = Annotation(pod, kReason);
  if (name.empty()) return std::nullopt;
  EndRecord end;
  // A reason that a newer version wrote still means: ended.
  end.reason = ParseEndReason(name).value_or(EndReason::kInternal);
  end.message = Annotation(pod, kMessage);
  if (!absl::ParseTime(absl::RFC3339_full, Annotation(pod, kEndTime), &end.end_time, nullptr)) {
    end.end_time = pod.create_time;
  }
  return end;
}

// It is kept for as long as the session.
void ForgetWhatIsRead(kube::PodState& pod) {
  for (const char* name : {kSpec, kEpoch, kKey, kTag, kRequestId, kPayloadHash, kUser, kReason,
                           kMessage, kEndTime, kTemplateVersion}) {
    pod.annotations.erase(name);
  }
  absl::erase_if(pod.annotations, [](const auto& annotation) {
    return !absl::StartsWith(annotation.first, kOurPrefix);
  });
}

void AddNotes(const std::map<std::string, std::string>& notes, json& annotations) {
  for (const auto& [name, value] : notes) {
    annotations[name] = value.empty() ? json(nullptr) : json(value);
  }
}

}  // namespace

std::string PodName(const SessionId& id, Epoch epoch) {
  return absl::StrCat(id.value, "-", epoch.leadership(), "-", static_cast<uint32_t>(epoch.value));
}

absl::StatusOr<std::string> BuildPod(const PodIdentity& identity, const SessionSpec& spec,
                                     const SessionTemplate* from, const Revocations& revocations) {
  json pod = from == nullptr ? PodOfImage(identity, spec) : PodFrom(*from, identity, spec);
  const std::string backend = from == nullptr ? kBackendContainer : from->container;
  MountClaims(identity.id, spec.volume_claims, backend, pod);
  if (!revocations.empty()) {
    pod["metadata"]["annotations"][kRevocationsNote] = EncodeRevocations(revocations);
  }
  if (!spec.pod_overrides_json.empty()) {
    ASSIGN_OR_RETURN(const json patch,
                     ParseJsonObject("spec.pod_overrides", spec.pod_overrides_json));
    RETURN_IF_ERROR(ValidateOverrides(patch));
    RETURN_IF_ERROR(MergeOverrides(patch, backend, pod));
  }
  return ToText(pod);
}

std::string BackendContainerOf(const kube::PodState& pod) {
  const std::string name = Annotation(pod, kContainerAnnotation);
  return name.empty() ? kBackendContainer : name;
}

absl::StatusOr<IdentifiedPod> ParseSessionPod(kube::Pod pod, SpecPool* specs) {
  IdentifiedPod session;
  PodIdentity& identity = session.identity;
  identity.ns = pod.ns;
  const auto label = pod.labels.find(kSessionLabel);
  if (label == pod.labels.end() || !IsDnsLabel(label->second)) {
    return Mangled(pod, absl::StrCat("label ", kSessionLabel, " is missing or no DNS label"));
  }
  identity.id.value = label->second;
  if (!absl::SimpleAtoi(Annotation(pod, kEpoch), &identity.epoch.value) ||
      identity.epoch.value == 0) {
    return Mangled(pod, absl::StrCat("annotation ", kEpoch, " is missing or no number"));
  }
  identity.key = {Annotation(pod, kKey), Annotation(pod, kTag)};
  identity.request_id = BoxedIfAny(Annotation(pod, kRequestId));
  identity.payload_hash = BoxedIfAny(Annotation(pod, kPayloadHash));
  identity.user = BoxedIfAny(Annotation(pod, kUser));
  const std::string text = Annotation(pod, kSpec);
  absl::StatusOr<SharedSpec> spec =
      specs != nullptr ? specs->Decode(text) : absl::StatusOr<SharedSpec>(DecodeSpec(text));
  if (!spec.ok())
    return Mangled(pod, absl::StrCat("annotation ", kSpec, ": ", spec.status().message()));
  session.spec = *std::move(spec);
  session.end = ParseEnd(pod);
  auto revocations = DecodeRevocations(Annotation(pod, kRevocationsNote));
  session.are_revocations_mangled = !revocations.ok();
  if (revocations.ok() && !revocations->empty()) session.revocations = *std::move(revocations);
  session.name = std::move(pod.name);
  session.pod = std::move(pod);
  ForgetWhatIsRead(session.pod);
  return session;
}

std::string EndPatch(const kube::PodState& pod, const EndRecord& end, bool stops) {
  json patch = {
      {"metadata",
       {{"uid", pod.uid},
        {"annotations",
         {{kReason, std::string(Name(end.reason))},
          {kMessage, end.message.substr(0, kMessageBytesMax)},
          {kEndTime, absl::FormatTime(absl::RFC3339_full, end.end_time, absl::UTCTimeZone())}}}}}};
  AddNotes(end.record, patch["metadata"]["annotations"]);
  AddNotes(end.notes, patch["metadata"]["annotations"]);
  if (!end.notes.empty()) patch["metadata"]["resourceVersion"] = pod.resource_version;
  if (stops) patch["spec"]["activeDeadlineSeconds"] = 1;
  return ToText(patch);
}

std::string NotesPatch(const kube::PodState& pod, const std::map<std::string, std::string>& notes) {
  json annotations = json::object();
  AddNotes(notes, annotations);
  return ToText({{"metadata",
                  {{"uid", pod.uid},
                   {"resourceVersion", pod.resource_version},
                   {"annotations", std::move(annotations)}}}});
}

}  // namespace spawner
