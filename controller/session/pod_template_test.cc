#include "controller/session/pod_template.h"

#include <map>
#include <string>

#include "base/status.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace spawner {
namespace {

using nlohmann::json;

PodIdentity Identity() {
  PodIdentity identity;
  identity.ns = "team";
  identity.id = {"abcdefghijklmnopqrstuvwxyz"};
  identity.epoch = Epoch::Make(3, 17);
  identity.key = {"doc/7", "v2"};
  identity.request_id = std::string("r-1");
  identity.payload_hash = std::string("h-1");
  return identity;
}

SessionSpec Spec() {
  SessionSpec spec;
  spec.image = "app:1";
  spec.env = {{"MODE", "fast"}};
  spec.labels = {{"team", "red"}};
  spec.lifetime.stop_grace = absl::Seconds(4);
  return spec;
}

json Build(const SessionSpec& spec) {
  const auto text = BuildPod(Identity(), spec);
  EXPECT_TRUE(text.ok()) << text.status();
  return text.ok() ? json::parse(*text) : json();
}

std::map<std::string, std::string> Env(const json& container) {
  std::map<std::string, std::string> env;
  for (const json& variable : container["env"]) env[variable["name"]] = variable["value"];
  return env;
}

TEST(BuildPod, SaysWhatTheBackendSpeaks) {
  SessionSpec spec = Spec();
  EXPECT_FALSE(Build(spec)["metadata"]["annotations"].contains("spawner.dev/protocol"));
  spec.protocol = BackendProtocol::kH2c;
  EXPECT_EQ(Build(spec)["metadata"]["annotations"]["spawner.dev/protocol"], "h2c");
}

TEST(BuildPod, NamesLabelsAndRecordsTheSession) {
  const json pod = Build(Spec());
  EXPECT_EQ(pod["metadata"]["name"], "abcdefghijklmnopqrstuvwxyz-3-17");
  EXPECT_EQ(pod["metadata"]["namespace"], "team");
  EXPECT_EQ(pod["metadata"]["labels"], json({{"team", "red"},
                                             {"spawner.dev/session", "abcdefghijklmnopqrstuvwxyz"},
                                             {"spawner.dev/managed", "true"}}));
  // Whoever deletes a pod never waits for us: a namespace with pods of ours goes without us.
  EXPECT_FALSE(pod["metadata"].contains("finalizers"));
  EXPECT_EQ(pod["metadata"]["annotations"]["spawner.dev/key"], "doc/7");
  EXPECT_EQ(pod["spec"]["restartPolicy"], "Never");
  EXPECT_EQ(pod["spec"]["terminationGracePeriodSeconds"], 4);
  EXPECT_EQ(pod["spec"]["automountServiceAccountToken"], false);
  EXPECT_EQ(pod["spec"]["enableServiceLinks"], false);
}

TEST(BuildPod, TellsTheBackendWhoItIs) {
  const json pod = Build(Spec());
  ASSERT_EQ(pod["spec"]["containers"].size(), 1u);
  const json& backend = pod["spec"]["containers"][0];
  EXPECT_EQ(backend["name"], "backend");
  EXPECT_FALSE(backend.contains("imagePullPolicy"));
  const std::string epoch = std::to_string(Epoch::Make(3, 17).value);
  EXPECT_EQ(Env(backend), (std::map<std::string, std::string>{
                              {"MODE", "fast"},
                              {"PORT", "8080"},
                              {"SPAWNER_SESSION", "abcdefghijklmnopqrstuvwxyz"},
                              {"SPAWNER_KEY", "doc/7"},
                              {"SPAWNER_EPOCH", epoch},
                              {"SESSION_BACKEND_ID", "abcdefghijklmnopqrstuvwxyz"},
                              {"SESSION_BACKEND_KEY", "doc/7"},
                              {"SESSION_BACKEND_FENCING_TOKEN", epoch},
                          }));
}

TEST(BuildPod, StaysWithinRestrictedPodSecurity) {
  const json pod = Build(Spec());
  EXPECT_EQ(pod["spec"]["securityContext"]["runAsNonRoot"], true);
  EXPECT_EQ(pod["spec"]["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
  const json& context = pod["spec"]["containers"][0]["securityContext"];
  EXPECT_EQ(context["allowPrivilegeEscalation"], false);
  EXPECT_EQ(context["capabilities"]["drop"], json::array({"ALL"}));
}

TEST(BuildPod, MergesOverridesByName) {
  SessionSpec spec = Spec();
  spec.pod_overrides_json = R"({
    "metadata": {"annotations": {"a": "b"}},
    "spec": {
      "nodeSelector": {"disk": "ssd", "env": "prod"},
      "securityContext": {"runAsUser": 7},
      "containers": [
        {"name": "backend", "readinessProbe": null,
         "env": [{"name": "MODE", "value": "slow"}, {"name": "NEW", "value": "1"}]},
        {"name": "sidecar", "image": "s:1"}]}})";
  const json pod = Build(spec);
  EXPECT_EQ(pod["metadata"]["annotations"]["a"], "b");
  EXPECT_EQ(pod["metadata"]["annotations"]["spawner.dev/key"], "doc/7");
  EXPECT_EQ(pod["spec"]["nodeSelector"]["disk"], "ssd");
  EXPECT_EQ(pod["spec"]["nodeSelector"]["env"], "prod");
  EXPECT_EQ(pod["spec"]["securityContext"]["runAsUser"], 7);
  EXPECT_EQ(pod["spec"]["securityContext"]["runAsNonRoot"], true);
  ASSERT_EQ(pod["spec"]["containers"].size(), 2u);
  const json& backend = pod["spec"]["containers"][0];
  EXPECT_FALSE(backend.contains("readinessProbe"));
  EXPECT_EQ(backend["image"], "app:1");
  EXPECT_EQ(Env(backend)["MODE"], "slow");
  EXPECT_EQ(Env(backend)["NEW"], "1");
  EXPECT_EQ(Env(backend)["SPAWNER_KEY"], "doc/7");
  EXPECT_EQ(pod["spec"]["containers"][1]["image"], "s:1");
}

// Directives that reach what the backend and its session need, whatever way they take.
TEST(BuildPod, RefusesOverridesThatTakeWhatSpawnerSet) {
  const std::pair<const char*, const char*> kRefusals[] = {
      {R"({"spec":{"containers":[{"name":"backend","$patch":"delete"}]}})",
       "spec.pod_overrides.spec.containers[backend]: can't be removed; it serves the session"},
      {R"({"spec":{"containers":[{"name":"backend","env":[{"$patch":"replace"}]}]}})",
       "spec.pod_overrides.spec.containers[backend].env.PORT: is set by Spawner"},
      {R"({"spec":{"containers":[{"name":"backend","env":null}]}})",
       "spec.pod_overrides.spec.containers[backend].env.PORT: is set by Spawner"},
      {R"({"spec":{"affinity":{"$patch":"merge"}}})",
       ""},  // nothing to merge into: dropped, as the API server does
      {R"({"spec":{"containers":[{"name":"backend","env":[{"name":"A","$patch":"merge"}]}]}})",
       "spec.pod_overrides.spec.containers[backend].env.$patch: must be \"replace\" or \"delete\" "
       "within a list"},
  };
  for (const auto& [overrides, message] : kRefusals) {
    SessionSpec spec = Spec();
    spec.pod_overrides_json = overrides;
    const auto built = BuildPod(Identity(), spec);
    EXPECT_EQ(std::string(built.status().message()), message) << overrides;
  }
}

kube::Pod AsPod(const json& built) {
  kube::Pod pod;
  pod.ns = built["metadata"]["namespace"];
  pod.name = built["metadata"]["name"];
  pod.uid = "u-1";
  for (const auto& [name, value] : built["metadata"]["labels"].items()) pod.labels[name] = value;
  for (const auto& [name, value] : built["metadata"]["annotations"].items()) {
    pod.annotations[name] = value;
  }
  return pod;
}

TEST(ParseSessionPod, ReadsBackWhatWasBuilt) {
  const auto session = ParseSessionPod(AsPod(Build(Spec())));
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ(session->identity.ns, "team");
  EXPECT_EQ(session->identity.id, Identity().id);
  EXPECT_EQ(session->identity.epoch, Identity().epoch);
  EXPECT_EQ(session->identity.key, Identity().key);
  EXPECT_EQ(session->identity.request_id, "r-1");
  EXPECT_EQ(session->identity.payload_hash, "h-1");
  EXPECT_EQ(session->spec, Spec());
  EXPECT_FALSE(session->end.has_value());
}

TEST(ParseSessionPod, ReadsBackTheRevocationsOfFormerIncarnations) {
  Revocations revocations;
  RevokeOne("g1", absl::FromUnixSeconds(1'800'000'000), revocations);
  const auto text = BuildPod(Identity(), Spec(), nullptr, revocations);
  ASSERT_TRUE(text.ok());
  kube::Pod pod = AsPod(json::parse(*text));
  EXPECT_EQ(ParseSessionPod(pod)->revocations, revocations);
  EXPECT_FALSE(ParseSessionPod(AsPod(Build(Spec())))->revocations.has_value());
  EXPECT_FALSE(ParseSessionPod(pod)->are_revocations_mangled);
  // Mangled, it is not taken for none, and the session stays.
  pod.annotations["spawner.dev/revocations"] = "{}]";
  const auto mangled = ParseSessionPod(pod);
  ASSERT_TRUE(mangled.ok());
  EXPECT_TRUE(mangled->are_revocations_mangled);
  EXPECT_FALSE(mangled->revocations.has_value());
}

TEST(ParseSessionPod, ReportsAForeignOrMangledPod) {
  const kube::Pod good = AsPod(Build(Spec()));
  EXPECT_FALSE(ParseSessionPod(kube::Pod{}).ok());
  kube::Pod pod = good;
  pod.labels["spawner.dev/session"] = "Not A Label";
  EXPECT_EQ(ParseSessionPod(pod).status().message(),
            "read session from pod team/abcdefghijklmnopqrstuvwxyz-3-17: label spawner.dev/session "
            "is missing or no DNS label");
  for (const char* text : {"", "x", "0", "-1", "99999999999999999999999"}) {
    pod = good;
    pod.annotations["spawner.dev/epoch"] = text;
    EXPECT_FALSE(ParseSessionPod(pod).ok()) << text;
  }
  pod = good;
  pod.annotations["spawner.dev/spec"] = "{]";
  EXPECT_FALSE(ParseSessionPod(pod).ok());
}

TEST(EndPatch, RecordsTheReasonAndReadsBack) {
  kube::Pod pod = AsPod(Build(Spec()));
  const EndRecord end = {EndReason::kIdle, "nobody", absl::FromUnixMillis(1'800'000'000'123)};
  const json patch = json::parse(EndPatch(pod, end, true));
  EXPECT_EQ(patch["spec"]["activeDeadlineSeconds"], 1);
  EXPECT_EQ(patch["metadata"]["uid"], "u-1");
  EXPECT_FALSE(patch["metadata"].contains("finalizers"));  // another's stays
  EXPECT_FALSE(json::parse(EndPatch(pod, end, false)).contains("spec"));

  for (const auto& [name, value] : patch["metadata"]["annotations"].items()) {
    pod.annotations[name] = value;
  }
  const auto session = ParseSessionPod(pod);
  ASSERT_TRUE(session.ok());
  ASSERT_TRUE(session->end.has_value());
  EXPECT_EQ(session->end->reason, EndReason::kIdle);
  EXPECT_EQ(session->end->message, "nobody");
  EXPECT_EQ(session->end->end_time, end.end_time);

  EXPECT_FALSE(patch["metadata"].contains("resourceVersion"));
  EndRecord with_record = end;
  with_record.record = {{"spawner.dev/history", "h"}};
  const json recorded = json::parse(EndPatch(pod, with_record, true));
  EXPECT_EQ(recorded["metadata"]["annotations"]["spawner.dev/history"], "h");
  EXPECT_FALSE(recorded["metadata"].contains("resourceVersion")) << "its own concern alone";
  EndRecord with_notes = end;
  with_notes.notes = {{"spawner.dev/holds", ""}};
  const json noted = json::parse(EndPatch(pod, with_notes, true));
  EXPECT_TRUE(noted["metadata"]["annotations"]["spawner.dev/holds"].is_null());
  EXPECT_EQ(noted["metadata"]["resourceVersion"], pod.resource_version);

  pod.annotations["spawner.dev/reason"] = "FROM_THE_FUTURE";
  EXPECT_EQ(ParseSessionPod(pod)->end->reason, EndReason::kInternal);
}

}  // namespace
}  // namespace spawner
