#include "controller/local/process_spec.h"

#include <algorithm>

#include "controller/local/test_client.h"
#include "gtest/gtest.h"

namespace spawner::local {
namespace {

constexpr char kIp[] = "127.64.0.9";

// As Spawner's controller writes them.
Json SessionPod() {
  Json pod = MakePod("p");
  pod["metadata"]["namespace"] = "a";
  pod["metadata"]["uid"] = "u-1";
  Json& spec = pod["spec"];
  spec["automountServiceAccountToken"] = false;
  spec["enableServiceLinks"] = false;
  spec["securityContext"] = {{"runAsNonRoot", true}};
  Json& container = spec["containers"][0];
  container["command"] = {"server", "--port=$(PORT)"};
  container["args"] = {"$(UNKNOWN)", "$$(PORT)", "100$", "$(NAME"};
  container["env"] = {{{"name", "PORT"}, {"value", "8080"}},
                      {{"name", "URL"}, {"value", "http://$(HOST):$(PORT)/"}}};
  container["ports"] = {{{"name", "http"}, {"containerPort", 8080}}};
  container["readinessProbe"] = {{"tcpSocket", {{"port", 8080}}}};
  container["resources"] = {{"limits", {{"cpu", "1"}}}};
  return pod;
}

bool Has(const ProcessSpec& spec, const std::string& variable) {
  return std::find(spec.environment.begin(), spec.environment.end(), variable) !=
         spec.environment.end();
}

std::vector<std::string> FaultyFields(const Json& pod) {
  std::vector<FieldFault> faults;
  CheckLocalPod(pod, faults);
  std::vector<std::string> fields;
  for (const FieldFault& fault : faults) fields.push_back(fault.field);
  return fields;
}

TEST(ProcessSpec, ReplacesVariablesAsAKubeletDoes) {
  const ProcessSpec spec = MakeProcessSpec(SessionPod(), kIp, {.path = "/bin", .home = "/h"});
  EXPECT_EQ(spec.argv, (std::vector<std::string>{"server", "--port=8080", "$(UNKNOWN)", "$(PORT)",
                                                 "100$", "$(NAME"}));
  EXPECT_TRUE(Has(spec, "URL=http://127.64.0.9:8080/"));
  EXPECT_TRUE(Has(spec, "HOST=127.64.0.9"));
  EXPECT_TRUE(Has(spec, "PATH=/bin"));
  EXPECT_TRUE(Has(spec, "HOME=/h"));
  EXPECT_EQ(spec.environment.size(), 5u) << "nothing of this process's own";
  EXPECT_EQ(spec.port, 8080);
}

TEST(ProcessSpec, FindsThePortInProbePortsOrEnvironment) {
  Json pod = SessionPod();
  Json& container = pod["spec"]["containers"][0];
  container["readinessProbe"] = {{"httpGet", {{"port", "http"}, {"path", "/"}}}};
  EXPECT_EQ(MakeProcessSpec(pod, kIp, {}).port, 8080);
  container.erase("readinessProbe");
  container["ports"][0]["containerPort"] = 9000;
  EXPECT_EQ(MakeProcessSpec(pod, kIp, {}).port, 9000);
  container.erase("ports");
  EXPECT_EQ(MakeProcessSpec(pod, kIp, {}).port, 8080);
  container.erase("env");
  EXPECT_EQ(MakeProcessSpec(pod, kIp, {}).port, std::nullopt);
}

TEST(ProcessSpec, ReadsFieldReferences) {
  Json pod = SessionPod();
  pod["spec"]["containers"][0]["env"] = {
      {{"name", "ME"}, {"valueFrom", {{"fieldRef", {{"fieldPath", "metadata.name"}}}}}},
      {{"name", "IP"}, {"valueFrom", {{"fieldRef", {{"fieldPath", "status.podIP"}}}}}}};
  EXPECT_TRUE(FaultyFields(pod).empty());
  const ProcessSpec spec = MakeProcessSpec(pod, kIp, {});
  EXPECT_TRUE(Has(spec, "ME=p"));
  EXPECT_TRUE(Has(spec, "IP=127.64.0.9"));
}

TEST(ProcessSpec, RefusesWhatAProcessCanNotHave) {
  EXPECT_TRUE(FaultyFields(SessionPod()).empty());
  const auto refused = [](const char* pointer, Json value) {
    Json pod = SessionPod();
    pod[Json::json_pointer(pointer)] = std::move(value);
    const std::vector<std::string> fields = FaultyFields(pod);
    return fields.size() == 1 ? fields[0] : "not one fault";
  };
  EXPECT_EQ(refused("/spec/volumes", {{{"name", "v"}}}), "spec.volumes");
  EXPECT_EQ(refused("/spec/initContainers", {{{"name", "i"}}}), "spec.initContainers");
  EXPECT_EQ(refused("/spec/nodeSelector", {{"disk", "ssd"}}), "spec.nodeSelector");
  EXPECT_EQ(refused("/spec/hostNetwork", true), "spec.hostNetwork");
  EXPECT_EQ(refused("/spec/containers/1", {{"name", "side"}}), "spec.containers[1]");
  EXPECT_EQ(refused("/spec/containers/0/livenessProbe", {{"exec", {{"command", {"x"}}}}}),
            "spec.containers[0].livenessProbe");
  EXPECT_EQ(refused("/spec/containers/0/readinessProbe", {{"exec", {{"command", {"x"}}}}}),
            "spec.containers[0].readinessProbe.exec");
  EXPECT_EQ(refused("/spec/containers/0/volumeMounts", {{{"name", "v"}}}),
            "spec.containers[0].volumeMounts");
  EXPECT_EQ(refused("/spec/containers/0/env/0/valueFrom", {{"secretKeyRef", {{"name", "s"}}}}),
            "spec.containers[0].env[0].valueFrom");
}

}  // namespace
}  // namespace spawner::local
