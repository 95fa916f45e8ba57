// What Spawner relies on in a Kubernetes. The same body runs against controller/local and against a
// real kube-apiserver with its scheduler and kubelet, so that the one can't drift from the other.
#include "tests/contract/kubernetes_contract.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/random.h"
#include "controller/kube/api_path.h"
#include "controller/kube/lease.h"
#include "controller/kube/pod_reflector.h"
#include "controller/kube/pod_stream.h"
#include "tests/contract/contract_fixture.h"

namespace spawner::contract {
namespace {

using kube::Pod;
using kube::PodPhase;

TEST_F(KubernetesContract, CreatesAPodOnce) {
  const absl::StatusOr<Pod> pod = api_.Create(api_.PendingPod("a"));
  ASSERT_TRUE(pod.ok()) << pod.status();
  EXPECT_EQ(pod->ns, api_.world().ns());
  EXPECT_EQ(pod->name, api_.Name("a"));
  EXPECT_EQ(pod->labels.at("contract"), api_.test());
  EXPECT_EQ(pod->phase, PodPhase::kPending);
  EXPECT_FALSE(pod->uid.empty());
  EXPECT_FALSE(pod->deletion_time.has_value());
  const absl::Status again = api_.Create(api_.PendingPod("a")).status();
  EXPECT_EQ(again.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(absl::StartsWith(again.message(), absl::StrCat("create pod ", api_.world().ns(), "/",
                                                             api_.Name("a"), ": HTTP 409: ")))
      << again;
}

TEST_F(KubernetesContract, RefusesWhatIsNoPod) {
  Json no_container = api_.PendingPod("a");
  no_container["spec"]["containers"] = Json::array();
  EXPECT_EQ(CodeOf(api_.Create(no_container)), absl::StatusCode::kInvalidArgument);
  Json bad_name = api_.PendingPod("a");
  bad_name["metadata"]["name"] = "Not_A_Name";
  EXPECT_EQ(CodeOf(api_.Create(bad_name)), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(api_.Create(Json::array())), absl::StatusCode::kInvalidArgument);
}

TEST_F(KubernetesContract, AMergePatchSetsChangesAndRemoves) {
  Json json = api_.PendingPod("a");
  json["metadata"]["annotations"] = {{"stays", "1"}, {"goes", "2"}};
  const absl::StatusOr<Pod> created = api_.Create(json);
  ASSERT_TRUE(created.ok()) << created.status();
  const absl::StatusOr<Pod> pod = api_.Patch(
      api_.Name("a"), {{"metadata", {{"annotations", {{"goes", nullptr}, {"comes", "3"}}}}}});
  ASSERT_TRUE(pod.ok()) << pod.status();
  EXPECT_EQ(pod->annotations.count("goes"), 0u);
  EXPECT_EQ(pod->annotations.at("comes"), "3");
  EXPECT_EQ(pod->annotations.at("stays"), "1");
  EXPECT_EQ(pod->uid, created->uid);
  EXPECT_NE(pod->resource_version, created->resource_version);
  EXPECT_EQ(CodeOf(api_.Patch(api_.Name("none"), {{"metadata", Json::object()}})),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(CodeOf(api_.Patch(api_.Name("a"), {{"spec", {{"nodeName", "other"}}}})),
            absl::StatusCode::kInvalidArgument)
      << "a spec does not change";
}

TEST_F(KubernetesContract, APatchHasPreconditions) {
  const absl::StatusOr<Pod> created = api_.Create(api_.PendingPod("a"));
  ASSERT_TRUE(created.ok()) << created.status();
  const auto patch = [](const char* key, const std::string& value) {
    return Json{{"metadata", {{key, value}, {"annotations", {{"x", value}}}}}};
  };
  // The scheduler may have written meanwhile: the version as it is now.
  const Pod now =
      Await(api_.Name("a"), [](const Pod& p) { return p.unschedulable_message.has_value(); });
  const absl::StatusOr<Pod> pod =
      api_.Patch(now.name, patch("resourceVersion", now.resource_version));
  EXPECT_TRUE(pod.ok()) << pod.status();
  EXPECT_EQ(CodeOf(api_.Patch(now.name, patch("resourceVersion", now.resource_version))),
            absl::StatusCode::kAborted);
  EXPECT_TRUE(api_.Patch(now.name, patch("uid", now.uid)).ok());
  EXPECT_EQ(CodeOf(api_.Patch(now.name, patch("uid", "00000000-0000-0000-0000-000000000000"))),
            absl::StatusCode::kAborted);
}

TEST_F(KubernetesContract, ADeleteHasAUidAsPrecondition) {
  const absl::StatusOr<Pod> pod = api_.Create(api_.PendingPod("a"));
  ASSERT_TRUE(pod.ok()) << pod.status();
  EXPECT_EQ(CodeOf(api_.Delete(pod->name, {.uid = "00000000-0000-0000-0000-000000000000"})),
            absl::StatusCode::kAborted);
  EXPECT_TRUE(api_.Delete(pod->name, {.uid = pod->uid, .grace_seconds = 0}).ok());
  EXPECT_TRUE(AwaitGone(pod->name));
  EXPECT_EQ(CodeOf(api_.Delete(pod->name, {})), absl::StatusCode::kNotFound);
}

TEST_F(KubernetesContract, AFinalizerKeepsADeletedPod) {
  Json json = api_.PendingPod("a");
  json["metadata"]["finalizers"] = {"example.dev/record"};
  const absl::StatusOr<Pod> created = api_.Create(json);
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_TRUE(created->HasFinalizer("example.dev/record"));
  ASSERT_TRUE(api_.Delete(created->name, {.uid = created->uid}).ok());
  const absl::StatusOr<Pod> deleted = api_.GetPod(created->name);
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_TRUE(deleted->deletion_time.has_value());
  // It can be labelled, but not held by anything more.
  EXPECT_TRUE(api_.Patch(created->name, {{"metadata", {{"labels", {{"x", "y"}}}}}}).ok());
  EXPECT_EQ(CodeOf(api_.Patch(
                created->name,
                {{"metadata", {{"finalizers", {"example.dev/record", "example.dev/more"}}}}})),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(api_.Patch(created->name, {{"metadata", {{"finalizers", nullptr}}}}).ok());
  EXPECT_TRUE(AwaitGone(created->name));
}

TEST_F(KubernetesContract, SaysWhyAPodFindsNoNode) {
  ASSERT_TRUE(api_.Create(api_.PendingPod("a")).ok());
  const Pod pod =
      Await(api_.Name("a"), [](const Pod& p) { return p.unschedulable_message.has_value(); });
  ASSERT_TRUE(pod.unschedulable_message.has_value());
  EXPECT_FALSE(pod.unschedulable_message->empty());
  EXPECT_EQ(pod.phase, PodPhase::kPending);
  EXPECT_EQ(pod.node, "");
}

TEST_F(KubernetesContract, ListsInPagesOfOneVersion) {
  std::set<std::string> created;
  for (int i = 0; i < 5; ++i) {
    const absl::StatusOr<Pod> pod = api_.Create(api_.PendingPod(absl::StrCat(i)));
    ASSERT_TRUE(pod.ok()) << pod.status();
    created.insert(pod->name);
  }
  std::set<std::string> listed;
  std::string token;
  std::string version;
  for (int pages = 0; pages < 5; ++pages) {
    const std::string json = api_.Read(
        absl::StrCat(kube::PodsPath(api_.world().ns()),
                     "?limit=2&labelSelector=", kube::QueryEscape("contract=" + api_.test()),
                     token.empty() ? "" : "&continue=" + kube::QueryEscape(token)),
        /*is_stream=*/false);
    const absl::StatusOr<kube::PodPage> page = kube::DecodePodPage(json);
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_LE(page->pods.size(), 2u);
    for (const Pod& pod : page->pods) listed.insert(pod.name);
    if (pages > 0) {
      EXPECT_EQ(page->resource_version, version);
    }
    version = page->resource_version;
    token = page->continue_token;
    if (token.empty()) break;
  }
  EXPECT_EQ(token, "");
  EXPECT_EQ(listed, created);
}

// Writes what it is told as words.
class Recorder final : public kube::PodHandler {
 public:
  void OnPodsListed(std::vector<Pod> pods) override {
    for (const Pod& pod : pods) seen.push_back("listed " + pod.name);
    is_listed = true;
  }
  void OnPodChanged(Pod pod) override {
    const std::string word = "changed " + pod.name;  // once, however often it is
    if (seen.empty() || seen.back() != word) seen.push_back(word);
  }
  void OnPodGone(Pod pod) override { seen.push_back("gone " + pod.name); }
  void OnPodViewStatus(const absl::Status& status) override { view = status; }

  bool is_listed = false;
  std::vector<std::string> seen;
  absl::Status view = absl::UnknownError("never told");
};

TEST_F(KubernetesContract, AWatchTellsWhatEntersAndLeavesItsSelector) {
  SeededRandom random(1);
  Recorder recorder;
  kube::PodReflector reflector(api_.world().transport(), api_.world().clock(), random,
                               api_.world().ns(), "contract=" + api_.test() + ",in=yes", recorder);
  const auto until_seen = [&](const std::string& word) {
    return api_.Until([&] {
      reflector.Step(api_.world().clock().Now());
      return !recorder.seen.empty() && recorder.seen.back() == word;
    });
  };
  Json json = api_.PendingPod("a");
  json["metadata"]["labels"]["in"] = "yes";
  ASSERT_TRUE(api_.Create(json).ok());
  const std::string name = api_.Name("a");
  ASSERT_TRUE(until_seen("listed " + name) || recorder.seen.back() == "changed " + name);
  const auto label = [](Json value) {
    return Json{{"metadata", {{"labels", {{"in", std::move(value)}}}}}};
  };
  ASSERT_TRUE(api_.Patch(name, label("no")).ok());
  EXPECT_TRUE(until_seen("gone " + name)) << absl::StrJoin(recorder.seen, ", ");
  ASSERT_TRUE(api_.Patch(name, {{"metadata", {{"annotations", {{"x", "y"}}}}}}).ok());
  ASSERT_TRUE(api_.Patch(name, label("yes")).ok());
  EXPECT_TRUE(until_seen("changed " + name)) << absl::StrJoin(recorder.seen, ", ");
  ASSERT_TRUE(api_.Delete(name, {.grace_seconds = 0}).ok());
  EXPECT_TRUE(until_seen("gone " + name)) << absl::StrJoin(recorder.seen, ", ");
  EXPECT_TRUE(recorder.view.ok()) << recorder.view;
}

TEST_F(KubernetesContract, AWatchFromAVersionThatIsTooOldEndsWith410) {
  ASSERT_TRUE(api_.Create(api_.PendingPod("a")).ok());
  api_.world().ForgetHistory();
  const std::string answer =
      api_.Read(absl::StrCat(kube::PodsPath(api_.world().ns()), "?watch=true&resourceVersion=1"),
                /*is_stream=*/true);
  EXPECT_TRUE(absl::StrContains(answer, "\"code\":410")) << answer.substr(0, 300);
}

TEST_F(KubernetesContract, ALeaseIsReplacedOnlyAsItIs) {
  const std::string leases = kube::LeasesPath(api_.world().ns());
  const std::string path = leases + "/" + api_.Name("l");
  EXPECT_EQ(CodeOf(api_.Get(path)), absl::StatusCode::kNotFound);
  const Json lease = {{"apiVersion", "coordination.k8s.io/v1"},
                      {"kind", "Lease"},
                      {"metadata", {{"name", api_.Name("l")}}},
                      {"spec", {{"holderIdentity", "a"}, {"leaseDurationSeconds", 6}}}};
  const absl::StatusOr<std::string> first = api_.CreateObject(leases, lease);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(CodeOf(api_.CreateObject(leases, lease)), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(api_.Replace(path, *first).ok());
  absl::StatusOr<kube::LeaseObject> changed = kube::LeaseObject::Decode(*api_.Get(path));
  ASSERT_TRUE(changed.ok()) << changed.status();
  changed->SetAnnotation(kube::kProxiesAnnotation, "[1]");
  EXPECT_TRUE(api_.Replace(path, changed->Encode()).ok());
  EXPECT_EQ(CodeOf(api_.Replace(path, changed->Encode())), absl::StatusCode::kAborted);
  EXPECT_EQ(kube::LeaseObject::Decode(*api_.Get(path))->Annotation(kube::kProxiesAnnotation),
            "[1]");
}

TEST_F(KubernetesContract, ALeaseElectsAndPassesOn) {
  SeededRandom random(1);
  const auto elector = [&](const std::string& identity) {
    return std::make_unique<kube::LeaseElector>(api_.client(), api_.world().clock(), random,
                                                kube::LeaseOptions{.ns = api_.world().ns(),
                                                                   .name = api_.Name("l"),
                                                                   .identity = identity,
                                                                   .address = identity + ":1"});
  };
  const std::unique_ptr<kube::LeaseElector> a = elector("a");
  const std::unique_ptr<kube::LeaseElector> b = elector("b");
  const auto leads = [&](kube::LeaseElector& one) {
    const Instant now = api_.world().clock().Now();
    one.Step(now);
    return one.IsLeader(now);
  };
  ASSERT_TRUE(api_.Until([&] { return leads(*a); })) << a->status();
  const uint32_t number = a->leadership();
  ASSERT_TRUE(a->SetRoster("[\"p\"]").ok());
  ASSERT_TRUE(api_.Until([&] { return leads(*a) && a->IsRosterStored(); })) << a->status();
  EXPECT_FALSE(leads(*b));
  a->Release();
  ASSERT_TRUE(api_.Until([&] {
    leads(*a);
    return leads(*b);
  })) << b->status();
  EXPECT_TRUE(a->IsReleased());
  EXPECT_GT(b->leadership(), number);
  EXPECT_EQ(b->LastRoster(), "[\"p\"]");
  b->Release();
  EXPECT_TRUE(api_.Until([&] {
    leads(*b);
    return b->IsReleased();
  }));
}

TEST_F(KubernetesContract, HoldsPodTemplates) {
  const std::string templates =
      absl::StrCat("/api/v1/namespaces/", api_.world().ns(), "/podtemplates");
  const Json object = {{"apiVersion", "v1"},
                       {"kind", "PodTemplate"},
                       {"metadata", {{"name", api_.Name("t")}}},
                       {"template", {{"spec", api_.PendingPod("a")["spec"]}}}};
  EXPECT_EQ(CodeOf(api_.Get(templates + "/" + api_.Name("t"))), absl::StatusCode::kNotFound);
  const absl::StatusOr<std::string> created = api_.CreateObject(templates, object);
  EXPECT_TRUE(created.ok()) << created.status();
  const absl::StatusOr<std::string> got = api_.Get(templates + "/" + api_.Name("t"));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_TRUE(absl::StrContains(*got, "contract/pending:1"));
}

TEST_F(KubernetesContract, TheEndingWriteStopsAPodAndKeepsItsRecord) {
  Json json = api_.RunningPod("a");
  json["metadata"]["finalizers"] = {"example.dev/record"};
  ASSERT_TRUE(api_.Create(json).ok());
  const Pod ready = Await(api_.Name("a"), [](const Pod& p) { return p.is_ready; });
  EXPECT_EQ(ready.phase, PodPhase::kRunning);
  EXPECT_FALSE(ready.ip.empty());
  EXPECT_FALSE(ready.node.empty());
  ASSERT_EQ(ready.containers.size(), 1u);
  EXPECT_TRUE(ready.containers[0].is_running);
  const absl::StatusOr<Pod> written =
      api_.Patch(ready.name, {{"metadata",
                               {{"resourceVersion", ready.resource_version},
                                {"annotations", {{"spawner.dev/reason", "IDLE"}}},
                                {"finalizers", nullptr}}},
                              {"spec", {{"activeDeadlineSeconds", 1}}}});
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(written->active_deadline_seconds, 1);
  const Pod ended = Await(ready.name, [](const Pod& p) { return p.IsFinal(); });
  EXPECT_EQ(ended.phase, PodPhase::kFailed);
  EXPECT_EQ(ended.status_reason, "DeadlineExceeded");
  EXPECT_EQ(ended.annotations.at("spawner.dev/reason"), "IDLE");
  EXPECT_FALSE(ended.deletion_time.has_value());
  EXPECT_FALSE(ended.is_ready);
  ASSERT_EQ(ended.containers.size(), 1u);
  EXPECT_TRUE(ended.containers[0].terminated.has_value());
  EXPECT_TRUE(api_.Delete(ended.name, {.uid = ended.uid}).ok());
  EXPECT_TRUE(AwaitGone(ended.name));
}

TEST_F(KubernetesContract, APodHasALogFromItsStartAsLongAsItIsThere) {
  const std::string log = kube::PodPath(api_.world().ns(), api_.Name("a")) + "/log?container=main";
  EXPECT_EQ(api_.Stream(log, absl::Seconds(20)).code, 404);
  ASSERT_TRUE(api_.Create(api_.PendingPod("b")).ok());
  const std::string unscheduled =
      kube::PodPath(api_.world().ns(), api_.Name("b")) + "/log?container=main";
  EXPECT_EQ(api_.Stream(unscheduled, absl::Seconds(20)).code, 204);

  ASSERT_TRUE(api_.Create(api_.RunningPod("a")).ok());
  const Pod ready = Await(api_.Name("a"), [](const Pod& p) { return p.is_ready; });
  EXPECT_EQ(api_.Stream(log, absl::Seconds(20)).code, 200);
  EXPECT_EQ(api_.Stream(log + "&tailLines=x", absl::Seconds(20)).code, 400);
  EXPECT_FALSE(api_.Stream(log + "&follow=true", absl::Seconds(1)).is_ended);
  ASSERT_TRUE(api_.Patch(ready.name, {{"spec", {{"activeDeadlineSeconds", 1}}}}).ok());
  const ContractClient::Answer followed = api_.Stream(log + "&follow=true", absl::Seconds(20));
  EXPECT_EQ(followed.code, 200);
  EXPECT_TRUE(followed.is_ended) << "with its container";
  const Pod ended = Await(ready.name, [](const Pod& p) { return p.IsFinal(); });
  const ContractClient::Answer kept = api_.Stream(log, absl::Seconds(20));
  EXPECT_EQ(kept.code, 200);
  EXPECT_EQ(kept.text, followed.text);
  EXPECT_TRUE(api_.Delete(ended.name, {.uid = ended.uid}).ok());
  EXPECT_TRUE(AwaitGone(ended.name));
  EXPECT_EQ(api_.Stream(log, absl::Seconds(20)).code, 404);
}

TEST_F(KubernetesContract, ADeletedPodThatRunsEndsFirstAndIsKeptByItsFinalizer) {
  Json json = api_.RunningPod("a");
  json["metadata"]["finalizers"] = {"example.dev/record"};
  ASSERT_TRUE(api_.Create(json).ok());
  const Pod ready = Await(api_.Name("a"), [](const Pod& p) { return p.is_ready; });
  ASSERT_TRUE(api_.Delete(ready.name, {.uid = ready.uid, .grace_seconds = 2}).ok());
  EXPECT_TRUE(Await(ready.name, [](const Pod& p) {
                return p.deletion_time.has_value();
              }).deletion_time.has_value());
  const Pod ended = Await(ready.name, [](const Pod& p) { return p.IsFinal(); });
  ASSERT_EQ(ended.containers.size(), 1u);
  EXPECT_TRUE(ended.containers[0].terminated.has_value());
  EXPECT_TRUE(api_.Patch(ready.name, {{"metadata", {{"finalizers", nullptr}}}}).ok());
  EXPECT_TRUE(AwaitGone(ready.name));
}

}  // namespace
}  // namespace spawner::contract
