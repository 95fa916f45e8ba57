#include "controller/session/session_template.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "controller/session/pod_facts.h"
#include "controller/session/pod_template.h"

namespace spawner {
namespace {

using nlohmann::json;

// As an API server gives it back, with what it filled in.
json Object() {
  return json::parse(R"({
    "apiVersion": "v1", "kind": "PodTemplate",
    "metadata": {"name": "editor", "namespace": "team", "resourceVersion": "77",
      "labels": {"spawner.dev/template": "true"},
      "annotations": {"spawner.dev/session-spec":
        "{\"idle\":{\"grace\":\"30s\"},\"access\":{\"mode\":\"PUBLIC\"},\"lifetime\":{\"retention\":\"5s\"}}"}},
    "template": {
      "metadata": {"labels": {"app": "editor", "spawner.dev/session": "x"},
                   "annotations": {"team": "a", "spawner.dev/epoch": "9"}},
      "spec": {
        "restartPolicy": "Always", "terminationGracePeriodSeconds": 30,
        "runtimeClassName": "gvisor", "nodeSelector": {"gpu": "a100"},
        "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "serviceAccountName": "editor", "securityContext": {"runAsUser": 7},
        "imagePullSecrets": [{"name": "registry"}],
        "volumes": [{"name": "s", "secret": {"secretName": "licence"}}],
        "containers": [
          {"name": "main", "image": "localhost/app:dev", "imagePullPolicy": "IfNotPresent",
           "env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "t", "key": "k"}}},
                   {"name": "MODE", "value": "slow"}, {"name": "PORT", "value": "1"}],
           "envFrom": [{"secretRef": {"name": "all"}}],
           "ports": [{"name": "metrics", "containerPort": 9100, "protocol": "TCP"},
                     {"name": "http", "containerPort": 7000, "protocol": "TCP"}],
           "resources": {"limits": {"nvidia.com/gpu": "1", "memory": "1Gi"}},
           "volumeMounts": [{"name": "s", "mountPath": "/licence"}],
           "terminationMessagePolicy": "File"},
          {"name": "sidecar", "image": "s:1"}]}}})");
}

SessionTemplate Parsed(const json& object) {
  auto parsed = ParseSessionTemplate(object.dump());
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return parsed.value_or(SessionTemplate{});
}

SessionSpec Open() {
  SessionSpec spec;
  spec.template_name = "editor";
  spec.unset = {"grace",      "initial_grace", "never_idle", "max",           "start_timeout",
                "stop_grace", "retention",     "port",       "token_required"};
  return spec;
}

PodIdentity Identity() {
  PodIdentity identity;
  identity.ns = "team";
  identity.id = SessionId{"s234567890123456789012345x"};
  identity.epoch = Epoch::Make(1, 2);
  return identity;
}

json Build(const SessionSpec& spec, const SessionTemplate& from) {
  const auto built = BuildPod(Identity(), spec, &from);
  EXPECT_TRUE(built.ok()) << built.status();
  return json::parse(built.value_or("{}"));
}

TEST(ResolveSpec, FillsInWhatTheRequestLeftOpen) {
  const auto resolved = ResolveSpec(Open(), Parsed(Object()));
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->idle.grace, absl::Seconds(30));
  EXPECT_EQ(resolved->idle.initial_grace, absl::Seconds(30)) << "as grace";
  EXPECT_EQ(resolved->lifetime.retention, absl::Seconds(5));
  EXPECT_EQ(resolved->lifetime.stop_grace, absl::Seconds(30)) << "of the pod";
  EXPECT_FALSE(resolved->access.token_required);
  EXPECT_EQ(resolved->port, 7000) << "the one named http";
  EXPECT_EQ(resolved->lifetime.max, absl::InfiniteDuration());
  EXPECT_TRUE(resolved->unset.empty());
}

TEST(ResolveSpec, TakesTheWholeIdlePolicyOfTheTemplate) {
  json object = Object();
  object["metadata"]["annotations"][kTemplateSpec] =
      R"({"idle":{"warnBefore":"60s","ignore_paths":["/healthz","/poll/*"],"hold_max":"5m"}})";
  SessionSpec spec = Open();
  spec.unset = {"warn_before", "ignore_paths", "hold_max"};
  const auto resolved = ResolveSpec(spec, Parsed(object));
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->idle.warn_before, absl::Seconds(60));
  EXPECT_EQ(resolved->idle.ignore_paths, (std::vector<std::string>{"/healthz", "/poll/*"}));
  EXPECT_EQ(resolved->idle.hold_max, absl::Minutes(5));
  const auto read = DecodeSpec(EncodeSpec(*resolved));  // as a restart finds it
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, *resolved);
  spec.unset.clear();
  EXPECT_EQ(ResolveSpec(spec, Parsed(object))->idle, spec.idle) << "the request's own counts";
  object["metadata"]["annotations"][kTemplateSpec] = R"({"idle":{"ignore_paths":["no-path"]}})";
  spec.unset = {"ignore_paths"};
  EXPECT_EQ(ReasonOf(ResolveSpec(spec, Parsed(object)).status()), "INVALID_FIELD");
}

TEST(ResolveSpec, LeavesWhatTheRequestSays) {
  SessionSpec spec = Open();
  spec.unset = {"retention"};
  spec.port = 81;
  spec.idle.grace = absl::Seconds(1);
  const auto resolved = ResolveSpec(spec, Parsed(Object()));
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->port, 81);
  EXPECT_EQ(resolved->idle.grace, absl::Seconds(1));
  EXPECT_TRUE(resolved->access.token_required);
  EXPECT_EQ(resolved->lifetime.retention, absl::Seconds(5));
}

TEST(ResolveSpec, HoldsTheTemplateToTheLimitsOfASpec) {
  json object = Object();
  object["metadata"]["annotations"][kTemplateSpec] = R"({"idle":{"grace":"900000h"}})";
  const auto resolved = ResolveSpec(Open(), Parsed(object));
  EXPECT_EQ(ReasonOf(resolved.status()), "INVALID_FIELD");
  EXPECT_NE(resolved.status().message().find("template editor: spec.idle.grace"), std::string::npos)
      << resolved.status();
}

TEST(BuildPodFrom, PassesThroughWhatIsNotOurs) {
  const SessionTemplate from = Parsed(Object());
  const json pod = Build(*ResolveSpec(Open(), from), from);
  const json spec = pod["spec"];
  const json given = Object()["template"]["spec"];
  for (const char* field : {"runtimeClassName", "nodeSelector", "tolerations", "serviceAccountName",
                            "securityContext", "imagePullSecrets", "volumes"}) {
    EXPECT_EQ(spec[field], given[field]) << field;
  }
  EXPECT_EQ(spec["containers"][1], given["containers"][1]) << "the sidecar";
  const json main = spec["containers"][0];
  for (const char* field :
       {"image", "imagePullPolicy", "envFrom", "ports", "resources", "volumeMounts"}) {
    EXPECT_EQ(main[field], given["containers"][0][field]) << field;
  }
  EXPECT_EQ(main["env"][0], given["containers"][0]["env"][0]) << "a secret by reference";
  EXPECT_EQ(pod["metadata"]["labels"]["app"], "editor");
  EXPECT_EQ(pod["metadata"]["annotations"]["team"], "a");
}

TEST(BuildPodFrom, SetsWhatASessionNeeds) {
  const SessionTemplate from = Parsed(Object());
  SessionSpec spec = *ResolveSpec(Open(), from);
  spec.env = {{"MODE", "fast"}};
  spec.limits = {{"memory", "2Gi"}};
  spec.args = {"--x"};
  const json pod = Build(spec, from);
  EXPECT_EQ(pod["spec"]["restartPolicy"], "Never");
  EXPECT_EQ(pod["spec"]["automountServiceAccountToken"], false);
  EXPECT_EQ(pod["metadata"]["labels"]["spawner.dev/session"], Identity().id.value);
  EXPECT_EQ(pod["metadata"]["annotations"]["spawner.dev/template-version"], "77");
  EXPECT_EQ(pod["metadata"]["annotations"]["spawner.dev/container"], "main");
  const json main = pod["spec"]["containers"][0];
  std::map<std::string, json> env;
  for (const json& variable : main["env"]) {
    EXPECT_TRUE(env.emplace(variable["name"], variable.value("value", json())).second)
        << variable << " twice";
  }
  EXPECT_EQ(env["MODE"], "fast");
  EXPECT_EQ(env["PORT"], "7000");
  EXPECT_EQ(env["SPAWNER_SESSION"], Identity().id.value);
  EXPECT_EQ(main["args"], json::array({"--x"}));
  EXPECT_EQ(main["resources"]["limits"], json({{"memory", "2Gi"}, {"nvidia.com/gpu", "1"}}));
  EXPECT_EQ(main["readinessProbe"]["tcpSocket"]["port"], 7000);
  EXPECT_FALSE(pod["spec"]["containers"][1].contains("env"));
}

// What is on the pod explains the session when the template is another or gone.
TEST(BuildPodFrom, RecordsTheWholeSpec) {
  const SessionTemplate from = Parsed(Object());
  const SessionSpec spec = *ResolveSpec(Open(), from);
  const json built = Build(spec, from);
  kube::Pod pod;
  pod.ns = "team";
  for (const auto& [name, value] : built["metadata"]["labels"].items()) pod.labels[name] = value;
  for (const auto& [name, value] : built["metadata"]["annotations"].items()) {
    pod.annotations[name] = value;
  }
  pod.phase = kube::PodPhase::kRunning;
  pod.containers = {{.name = "sidecar"}, {.name = "main"}};
  pod.containers[1].terminated = kube::ContainerTermination{.exit_code = 3};
  const auto read = ParseSessionPod(pod);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->spec, spec);
  EXPECT_EQ(BackendContainerOf(pod), "main");
  EXPECT_EQ(FindExitCode(pod), 3) << "of the container that serves, not of one named backend";
}

TEST(BuildPodFrom, OverridesReachEveryContainerButNotWhatIsOurs) {
  const SessionTemplate from = Parsed(Object());
  SessionSpec spec = *ResolveSpec(Open(), from);
  spec.pod_overrides_json =
      R"({"spec":{"containers":[{"name":"sidecar","image":"s:2"}],"nodeSelector":{"gpu":"h100"}}})";
  const json pod = Build(spec, from);
  EXPECT_EQ(pod["spec"]["nodeSelector"]["gpu"], "h100");
  EXPECT_NE(pod.dump().find("s:2"), std::string::npos);
  for (const char* overrides :
       {R"({"spec":{"containers":[{"name":"main","$patch":"delete"}]}})",
        R"({"spec":{"containers":[{"name":"main","env":[{"name":"PORT","value":"1"}]}]}})"}) {
    spec.pod_overrides_json = overrides;
    const auto built = BuildPod(Identity(), spec, &from);
    EXPECT_EQ(ReasonOf(built.status()), "INVALID_FIELD") << overrides;
  }
}

TEST(ParseSessionTemplate, ServesWithBackendOrTheFirst) {
  json object = Object();
  EXPECT_EQ(Parsed(object).container, "main");
  object["template"]["spec"]["containers"][1]["name"] = "backend";
  EXPECT_EQ(Parsed(object).container, "backend");
}

TEST(ParseSessionTemplate, NamesWhatIsWrong) {
  const auto refusal = [](void (*spoil)(json&)) {
    json object = Object();
    spoil(object);
    return std::string(ParseSessionTemplate(object.dump()).status().message());
  };
  EXPECT_EQ(refusal([](json& o) { o["metadata"].erase("labels"); }),
            "template editor: namespace team has no PodTemplate of that name with the label "
            "spawner.dev/template=true; apply one");
  EXPECT_EQ(
      refusal([](json& o) { o["template"]["spec"]["activeDeadlineSeconds"] = 5; }),
      "template.spec.activeDeadlineSeconds: can't be set; lifetime.max of the session ends it");
  EXPECT_EQ(refusal([](json& o) { o["template"]["spec"].erase("containers"); }),
            "template.spec.containers: needs a container with a name");
  EXPECT_EQ(refusal([](json& o) { o["template"] = 5; }),
            "template.spec.containers: needs a container with a name");
  const std::string at = "template.metadata.annotations[spawner.dev/session-spec].";
  const auto annotated = [](const std::string& text) {
    json object = Object();
    object["metadata"]["annotations"][kTemplateSpec] = text;
    return std::string(ParseSessionTemplate(object.dump()).status().message());
  };
  EXPECT_EQ(annotated("{"), at + "*: is not JSON");
  EXPECT_EQ(annotated(R"({"idle":5})"), at + "idle: must be an object");
  EXPECT_EQ(annotated(R"({"image":"a"})"), at + "image: can't be set by a template");
  EXPECT_EQ(annotated(R"({"idle":{"grace":30}})"),
            at + "idle.grace: must be a duration as \"300s\"");
  EXPECT_EQ(annotated(R"({"idle":{"onIdle":"SLEEP"}})"), at + "idle.onIdle: no such value");
  EXPECT_EQ(annotated(R"({"access":{"allowed_origins":[1]}})"),
            at + "access.allowed_origins: must be a list");
  EXPECT_EQ(ParseSessionTemplate("[]").status().message(), "template: is no JSON object");
}

}  // namespace
}  // namespace spawner
