// The API: each verb on each kind of object, as kube-apiserver answers. What pods do: pods_test.
#include "controller/local/local_kubernetes.h"

#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "controller/local/limits.h"
#include "controller/local/scripted_runtime.h"
#include "controller/local/test_client.h"
#include "gtest/gtest.h"

namespace spawner::local {
namespace {

constexpr char kPods[] = "/api/v1/namespaces/a/pods";
constexpr char kLeases[] = "/apis/coordination.k8s.io/v1/namespaces/a/leases";
constexpr char kSecrets[] = "/api/v1/namespaces/a/secrets";

class ApiTest : public testing::Test {
 protected:
  // One request and its answer.
  Recorder Do(const std::string& method, const std::string& path, const Json& body = nullptr) {
    return Send(
        {.method = method,
         .path = path,
         .content_type = method == "PATCH" ? "application/merge-patch+json" : "application/json",
         .body = body.is_null() ? "" : body.dump()});
  }
  Recorder Send(kube::HttpRequest request) {
    Recorder recorder;
    kubernetes_.Start(std::move(request), &recorder);
    kubernetes_.Poll(absl::ZeroDuration());
    EXPECT_TRUE(recorder.status.has_value());
    return recorder;
  }
  void ExpectFailure(const Recorder& recorder, int code, const std::string& reason,
                     const std::string& text) {
    const Json body = recorder.Body();
    EXPECT_EQ(recorder.code, code) << recorder.data;
    EXPECT_EQ(body.value("kind", ""), "Status");
    EXPECT_EQ(body.value("status", ""), "Failure");
    EXPECT_EQ(body.value("code", 0), code);
    EXPECT_EQ(body.value("reason", ""), reason);
    EXPECT_TRUE(absl::StrContains(body.value("message", ""), text)) << recorder.data;
  }
  std::unique_ptr<Recorder> Watch(const std::string& path,
                                  absl::Duration timeout = absl::InfiniteDuration()) {
    auto recorder = std::make_unique<Recorder>();
    kubernetes_.Start({.path = path, .timeout = timeout, .is_stream = true}, recorder.get());
    kubernetes_.Poll(absl::ZeroDuration());
    return recorder;
  }
  void Poll() { kubernetes_.Poll(absl::ZeroDuration()); }

  FakeClock clock_;
  SeededRandom random_{7};
  ScriptedRuntime runtime_{clock_};
  LocalKubernetes kubernetes_{clock_, random_, runtime_};
};

Json Lease(const std::string& name, const std::string& holder) {
  return {{"apiVersion", "coordination.k8s.io/v1"},
          {"kind", "Lease"},
          {"metadata", {{"name", name}}},
          {"spec", {{"holderIdentity", holder}, {"leaseDurationSeconds", 6}}}};
}

std::string Version(const Json& object) {
  return object.at("metadata").value("resourceVersion", "");
}

TEST_F(ApiTest, CreatesOnceAndReads) {
  Recorder created = Do("POST", kPods, MakePod("p"));
  EXPECT_EQ(created.code, 201);
  const Json meta = created.Body()["metadata"];
  EXPECT_EQ(meta.value("namespace", ""), "a");
  EXPECT_EQ(meta.value("uid", "").size(), 36u);
  EXPECT_EQ(meta.value("creationTimestamp", ""), "2027-01-15T08:00:01Z");
  ExpectFailure(Do("POST", kPods, MakePod("p")), 409, "AlreadyExists", "pods \"p\" already exists");
  EXPECT_EQ(Do("GET", absl::StrCat(kPods, "/p")).code, 200);
  ExpectFailure(Do("GET", absl::StrCat(kPods, "/q")), 404, "NotFound", "pods \"q\" not found");
  ExpectFailure(Do("GET", absl::StrCat(kLeases, "/q")), 404, "NotFound",
                "leases.coordination.k8s.io \"q\" not found");
}

TEST_F(ApiTest, NamesTheFaultOfABadObject) {
  ExpectFailure(Send({.method = "POST", .path = kPods, .body = "{"}), 400, "BadRequest", "");
  Json pod = MakePod("p");
  pod["spec"]["restartPolicy"] = 5;
  ExpectFailure(Do("POST", kPods, pod), 400, "BadRequest", "spec.restartPolicy");
  pod = MakePod("p");
  pod["spec"]["restartPolicy"] = "Always";
  ExpectFailure(Do("POST", kPods, pod), 422, "Invalid", "spec.restartPolicy");
  pod = MakePod("No_Label");
  ExpectFailure(Do("POST", kPods, pod), 422, "Invalid", "metadata.name");
  pod = MakePod("p");
  pod["spec"]["containers"][0].erase("image");
  ExpectFailure(Do("POST", kPods, pod), 422, "Invalid", "spec.containers[0].image: Required value");
  pod = MakePod("p");
  pod["spec"]["containers"][0]["ports"] = {{{"containerPort", 70000}}};
  ExpectFailure(Do("POST", kPods, pod), 422, "Invalid", "spec.containers[0].ports[0]");
  pod = MakePod("p");
  pod["metadata"]["labels"]["bad key!"] = "x";
  ExpectFailure(Do("POST", kPods, pod), 422, "Invalid", "metadata.labels");
  pod = MakePod("p");
  pod["metadata"]["namespace"] = "b";
  ExpectFailure(Do("POST", kPods, pod), 400, "BadRequest", "namespace");
  pod = MakePod("p");
  pod["kind"] = "Secret";
  ExpectFailure(Do("POST", kPods, pod), 400, "BadRequest", "unrecognized");
  EXPECT_EQ(kubernetes_.store().size(), 0u);
}

TEST_F(ApiTest, RefusesWhatItDoesNotServe) {
  ExpectFailure(Do("GET", "/api/v1/nodes"), 404, "NotFound", "");
  ExpectFailure(Do("DELETE", kPods), 405, "MethodNotAllowed", "");
  ExpectFailure(Send({.method = "PATCH",
                      .path = absl::StrCat(kPods, "/p"),
                      .content_type = "application/json-patch+json",
                      .body = "[]"}),
                415, "UnsupportedMediaType", "application/merge-patch+json");
  ExpectFailure(Send({.method = "POST", .path = kPods, .body = std::string(4 << 20, ' ')}), 413,
                "RequestEntityTooLarge", "");
  EXPECT_EQ(Do("GET", "/readyz").data, "ok");
  EXPECT_EQ(Do("GET", "/version").Body().value("major", ""), "1");
}

TEST_F(ApiTest, PatchesWithPreconditions) {
  const Json created = Do("POST", kPods, MakePod("p")).Body();
  const std::string path = absl::StrCat(kPods, "/p");
  Recorder patched = Do("PATCH", path, {{"metadata", {{"labels", {{"x", "y"}}}}}});
  EXPECT_EQ(patched.code, 200);
  EXPECT_EQ(patched.Body()["metadata"]["labels"], (Json{{"app", "spawner"}, {"x", "y"}}));
  ExpectFailure(Do("PATCH", path,
                   {{"metadata", {{"resourceVersion", Version(created)}, {"labels", nullptr}}}}),
                409, "Conflict", "the object has been modified");
  ExpectFailure(Do("PATCH", path, {{"metadata", {{"uid", "other"}}}}), 422, "Invalid",
                "metadata.uid: Invalid value: \"other\": field is immutable");
  const std::string now = Version(Do("GET", path).Body());
  patched =
      Do("PATCH", path, {{"metadata", {{"resourceVersion", now}, {"labels", {{"x", nullptr}}}}}});
  EXPECT_EQ(patched.code, 200);
  EXPECT_EQ(patched.Body()["metadata"]["labels"], (Json{{"app", "spawner"}}));
}

TEST_F(ApiTest, APatchThatChangesNothingMakesNoVersion) {
  Do("POST", kPods, MakePod("p"));
  Poll();
  const std::string path = absl::StrCat(kPods, "/p");
  const uint64_t before = kubernetes_.store().version();
  EXPECT_EQ(Do("PATCH", path, {{"metadata", {{"labels", {{"app", "spawner"}}}}}}).code, 200);
  EXPECT_EQ(kubernetes_.store().version(), before);
}

TEST_F(ApiTest, LetsOnlyAFewFieldsOfASpecChange) {
  Do("POST", kPods, MakePod("p"));
  const std::string path = absl::StrCat(kPods, "/p");
  ExpectFailure(Do("PATCH", path, {{"spec", {{"terminationGracePeriodSeconds", 1}}}}), 422,
                "Invalid", "pod updates may not change fields other than");
  EXPECT_EQ(Do("PATCH", path, {{"spec", {{"activeDeadlineSeconds", 100}}}}).code, 200);
  EXPECT_EQ(Do("PATCH", path, {{"spec", {{"activeDeadlineSeconds", 50}}}}).code, 200);
  ExpectFailure(Do("PATCH", path, {{"spec", {{"activeDeadlineSeconds", 51}}}}), 422, "Invalid",
                "spec.activeDeadlineSeconds");
  ExpectFailure(Do("PATCH", path, {{"spec", {{"activeDeadlineSeconds", nullptr}}}}), 422, "Invalid",
                "spec.activeDeadlineSeconds");
  ExpectFailure(Do("PATCH", path, {{"spec", {{"activeDeadlineSeconds", 0}}}}), 422, "Invalid",
                "spec.activeDeadlineSeconds");
  EXPECT_EQ(Do("PATCH", path, {{"spec", {{"tolerations", {{{"key", "k"}}}}}}}).code, 200);
  ExpectFailure(Do("PATCH", path, {{"spec", {{"tolerations", nullptr}}}}), 422, "Invalid", "spec");
  // The status is the kubelet's: a patch of the pod itself leaves it, one of /status changes it.
  Do("PATCH", path, {{"status", {{"phase", "Failed"}}}});
  EXPECT_EQ(Do("GET", path).Body()["status"]["phase"], "Running");
  EXPECT_EQ(Do("PATCH", path + "/status", {{"status", {{"reason", "NodeLost"}}}}).code, 200);
  EXPECT_EQ(Do("GET", path).Body()["status"]["reason"], "NodeLost");
}

TEST_F(ApiTest, ALeaseIsReplacedOnlyFromItsPresentVersion) {
  const std::string path = absl::StrCat(kLeases, "/leader");
  Json lease = Do("POST", kLeases, Lease("leader", "one")).Body();
  lease["spec"]["holderIdentity"] = "two";
  Recorder replaced = Do("PUT", path, lease);
  EXPECT_EQ(replaced.code, 200);
  lease["spec"]["holderIdentity"] = "three";
  ExpectFailure(Do("PUT", path, lease), 409, "Conflict", "the object has been modified");
  EXPECT_EQ(Do("GET", path).Body()["spec"]["holderIdentity"], "two");
  lease["metadata"].erase("resourceVersion");
  ExpectFailure(Do("PUT", path, lease), 422, "Invalid", "metadata.resourceVersion");
  lease = replaced.Body();
  lease["metadata"]["uid"] = "other";
  ExpectFailure(Do("PUT", path, lease), 409, "Conflict", "UID");
}

TEST_F(ApiTest, ASecretKeepsItsPlainTextAsBase64) {
  const Json secret = {{"metadata", {{"name", "s"}}}, {"stringData", {{"key", "value"}}}};
  Recorder created = Do("POST", kSecrets, secret);
  EXPECT_EQ(created.code, 201);
  EXPECT_EQ(created.Body()["data"]["key"], "dmFsdWU=");
  EXPECT_EQ(created.Body()["type"], "Opaque");
  const Json bad = {{"metadata", {{"name", "t"}}}, {"data", {{"key", "%"}}}};
  ExpectFailure(Do("POST", kSecrets, bad), 422, "Invalid", "data[key]");
  Recorder gone = Do("DELETE", absl::StrCat(kSecrets, "/s"));
  EXPECT_EQ(gone.Body().value("status", ""), "Success");
  EXPECT_EQ(Do("GET", absl::StrCat(kSecrets, "/s")).code, 404);
}

TEST_F(ApiTest, ListsBySelectorAndInPagesOfOneVersion) {
  for (int i = 0; i < 5; ++i) {
    Json pod = MakePod(absl::StrCat("p", i));
    pod["metadata"]["labels"]["parity"] = i % 2 == 0 ? "even" : "odd";
    Do("POST", kPods, pod);
  }
  Do("POST", "/api/v1/namespaces/b/pods", MakePod("q"));
  Json list = Do("GET", absl::StrCat(kPods, "?labelSelector=parity%3Deven")).Body();
  EXPECT_EQ(list["kind"], "PodList");
  EXPECT_EQ(list["items"].size(), 3u);
  EXPECT_FALSE(list["items"][0].contains("kind"));
  EXPECT_EQ(Do("GET", "/api/v1/pods").Body()["items"].size(), 6u);

  const Json first = Do("GET", absl::StrCat(kPods, "?limit=2")).Body();
  ASSERT_EQ(first["items"].size(), 2u);
  Do("DELETE", absl::StrCat(kPods, "/p3?gracePeriodSeconds=0"));
  Do("POST", kPods, MakePod("p9"));
  const std::string token = first["metadata"]["continue"];
  const Json second = Do("GET", absl::StrCat(kPods, "?limit=10&continue=", token)).Body();
  ASSERT_EQ(second["items"].size(), 3u) << "p2, p3 and p4, as they were at the list's version";
  EXPECT_EQ(Version(first), Version(second));
  EXPECT_FALSE(second["metadata"].contains("continue"));
  kubernetes_.ForgetHistory();
  ExpectFailure(Do("GET", absl::StrCat(kPods, "?continue=", token)), 410, "Expired", "too old");
  ExpectFailure(Do("GET", absl::StrCat(kPods, "?continue=x")), 400, "BadRequest", "continue");
  ExpectFailure(Do("GET", absl::StrCat(kPods, "?resourceVersion=999999")), 504, "Timeout", "");
}

TEST_F(ApiTest, WatchTellsOfObjectsThatEnterAndLeaveTheSelection) {
  const std::string version = Version(Do("GET", kPods).Body());
  auto watch = Watch(
      absl::StrCat(kPods, "?watch=true&labelSelector=app%3Dspawner&resourceVersion=", version));
  EXPECT_EQ(watch->code, 200);
  Json pod = MakePod("p");
  pod["metadata"]["labels"] = {{"app", "other"}};
  Do("POST", kPods, pod);
  Poll();
  EXPECT_TRUE(watch->TakeEvents().empty());
  const std::string path = absl::StrCat(kPods, "/p");
  Do("PATCH", path, {{"metadata", {{"labels", {{"app", "spawner"}}}}}});
  std::vector<Json> events = watch->TakeEvents();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0]["type"], "ADDED");
  EXPECT_EQ(events[0]["object"]["kind"], "Pod");
  const Json out = Do("PATCH", path, {{"metadata", {{"labels", {{"app", "x"}}}}}}).Body();
  events = watch->TakeEvents();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0]["type"], "DELETED");
  EXPECT_EQ(events[0]["object"]["metadata"]["labels"]["app"], "spawner") << "the old labels";
  EXPECT_EQ(Version(events[0]["object"]), Version(out)) << "the new version";
}

TEST_F(ApiTest, WatchResumesBetweenChangesAndGets410FromTooFarBack) {
  Do("POST", kPods, MakePod("p"));
  Poll();
  const std::string version = Version(Do("GET", kPods).Body());
  Do("PATCH", absl::StrCat(kPods, "/p"), {{"metadata", {{"labels", {{"n", "1"}}}}}});
  auto watch = Watch(absl::StrCat(kPods, "?watch=true&resourceVersion=", version));
  std::vector<Json> events = watch->TakeEvents();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0]["type"], "MODIFIED");
  kubernetes_.ForgetHistory();
  auto old = Watch(absl::StrCat(kPods, "?watch=true&resourceVersion=", version));
  EXPECT_EQ(old->code, 200);
  events = old->TakeEvents();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0]["type"], "ERROR");
  EXPECT_EQ(events[0]["object"]["code"], 410);
  EXPECT_EQ(events[0]["object"]["reason"], "Expired");
  EXPECT_TRUE(old->status.has_value());
  Do("PATCH", absl::StrCat(kPods, "/p"), {{"metadata", {{"labels", {{"n", "2"}}}}}});
  EXPECT_EQ(watch->TakeEvents().size(), 1u) << "a watch that keeps up is not touched";
}

TEST_F(ApiTest, WatchWithoutAVersionBeginsWithThePresentState) {
  Do("POST", kPods, MakePod("p"));
  Poll();
  auto watch = Watch(absl::StrCat(kPods, "?watch=true"));
  std::vector<Json> events = watch->TakeEvents();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0]["type"], "ADDED");
  ExpectFailure(*Watch(absl::StrCat(kPods, "?watch=true&sendInitialEvents=true")), 422, "Invalid",
                "sendInitialEvents");
  auto initial = Watch(absl::StrCat(kPods,
                                    "?watch=true&sendInitialEvents=true&allowWatchBookmarks=true"
                                    "&resourceVersionMatch=NotOlderThan"));
  events = initial->TakeEvents();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[1]["type"], "BOOKMARK");
  EXPECT_EQ(events[1]["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
}

TEST_F(ApiTest, WatchSendsBookmarksAndEndsAtItsTimeout) {
  const std::string version = Version(Do("GET", kPods).Body());
  auto watch = Watch(absl::StrCat(kPods,
                                  "?watch=true&allowWatchBookmarks=true&timeoutSeconds=90"
                                  "&resourceVersion=",
                                  version));
  Do("POST", kLeases, Lease("other", "x"));  // a version that is not of pods
  clock_.Advance(kBookmarkPeriod);
  Poll();
  std::vector<Json> events = watch->TakeEvents();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0]["type"], "BOOKMARK");
  EXPECT_EQ(Version(events[0]["object"]), std::to_string(kubernetes_.store().version()));
  clock_.Advance(absl::Seconds(28));
  Poll();
  EXPECT_EQ(watch->TakeEvents().size(), 1u) << "the last one, 2 s before the end";
  EXPECT_FALSE(watch->status.has_value());
  clock_.AdvanceTo(kubernetes_.NextWake());
  Poll();
  ASSERT_TRUE(watch->status.has_value());
  EXPECT_TRUE(watch->status->ok());
}

TEST_F(ApiTest, SilentOrBrokenStreamsEndAsUnavailable) {
  auto silent = Watch(absl::StrCat(kPods, "?watch=true"), absl::Seconds(10));
  auto broken = Watch(absl::StrCat(kPods, "?watch=true"));
  clock_.Advance(absl::Seconds(10));
  Poll();
  EXPECT_EQ(silent->status->code(), absl::StatusCode::kUnavailable);
  kubernetes_.BreakStreams();
  EXPECT_EQ(broken->status->code(), absl::StatusCode::kUnavailable);
}

TEST_F(ApiTest, ACancelledRequestIsNeverHeardOfAgain) {
  Recorder recorder;
  const auto id = kubernetes_.Start({.path = kPods}, &recorder);
  kubernetes_.Cancel(id);
  kubernetes_.Cancel(id);
  Poll();
  EXPECT_EQ(recorder.code, 0);
  EXPECT_FALSE(recorder.status.has_value());
}

TEST_F(ApiTest, InjectedFaultsAnswerInsteadAndMayHideAnEffect) {
  kubernetes_.SetFaultHook([](const kube::HttpRequest& request) {
    using Fault = LocalKubernetes::Fault;
    std::optional<Fault> fault;
    if (request.method == "POST") fault = Fault{.code = 0, .is_applied = true};
    if (request.method == "DELETE") {
      fault = Fault{.code = 429, .retry_after = absl::Seconds(3)};
    }
    return fault;
  });
  Recorder lost = Do("POST", kPods, MakePod("p"));
  EXPECT_EQ(lost.code, 0);
  EXPECT_EQ(lost.status->code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Do("GET", absl::StrCat(kPods, "/p")).code, 200) << "it did take effect";
  Recorder limited = Do("DELETE", absl::StrCat(kPods, "/p"));
  ExpectFailure(limited, 429, "TooManyRequests", "");
  EXPECT_EQ(limited.retry_after, absl::Seconds(3));
}

TEST_F(ApiTest, AHandlerMayStartAndCancelFromWithinACall) {
  class Chain : public Recorder {
   public:
    Chain(LocalKubernetes& kubernetes, Recorder& next) : kubernetes_(kubernetes), next_(next) {}
    void OnHead(int head_code, std::optional<absl::Duration> delay) override {
      Recorder::OnHead(head_code, delay);
      kubernetes_.Start({.path = "/readyz"}, &next_);
      kubernetes_.Cancel(id);
    }
    LocalKubernetes::RequestId id = 0;

   private:
    LocalKubernetes& kubernetes_;
    Recorder& next_;
  };
  Recorder next;
  Chain chain(kubernetes_, next);
  chain.id = kubernetes_.Start({.path = "/readyz"}, &chain);
  Poll();
  EXPECT_EQ(chain.data, "");
  Poll();
  EXPECT_EQ(next.data, "ok");
}

}  // namespace
}  // namespace spawner::local
