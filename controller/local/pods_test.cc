// What becomes of pods: the kubelet with scripted containers, seen through the API.
#include <memory>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "controller/local/local_kubernetes.h"
#include "controller/local/scripted_runtime.h"
#include "controller/local/test_client.h"
#include "gtest/gtest.h"

namespace spawner::local {
namespace {

constexpr char kPods[] = "/api/v1/namespaces/a/pods";
constexpr char kPod[] = "/api/v1/namespaces/a/pods/p";
constexpr char kFinalizer[] = "example.dev/record";

class PodsTest : public testing::Test {
 protected:
  Recorder Do(const std::string& method, const std::string& path, const Json& body = nullptr) {
    Recorder recorder;
    kubernetes_.Start({.method = method,
                       .path = path,
                       .content_type = method == "PATCH" ? "application/merge-patch+json" : "",
                       .body = body.is_null() ? "" : body.dump()},
                      &recorder);
    kubernetes_.Poll(absl::ZeroDuration());
    return recorder;
  }
  Json Create(const PodScript& script, bool has_finalizer = false) {
    runtime_.SetScript("", script);
    Json pod = MakePod("p");
    if (has_finalizer) pod["metadata"]["finalizers"] = {kFinalizer};
    const Recorder created = Do("POST", kPods, pod);
    EXPECT_EQ(created.code, 201) << created.data;
    return created.Body();
  }
  Json Get() { return Do("GET", kPod).Body(); }
  bool IsThere() { return Do("GET", kPod).code == 200; }
  void Advance(absl::Duration d) {
    clock_.Advance(d);
    kubernetes_.Poll(absl::ZeroDuration());
  }

  FakeClock clock_;
  SeededRandom random_{7};
  ScriptedRuntime runtime_{clock_};
  LocalKubernetes kubernetes_{clock_, random_, runtime_};
};

std::string ConditionOf(const Json& pod, const std::string& type, const char* field = "status") {
  for (const Json& condition : pod["status"].value("conditions", Json::array())) {
    if (condition.value("type", "") == type) return condition.value(field, "");
  }
  return "none";
}

Json State(const Json& pod) { return pod["status"]["containerStatuses"][0]["state"]; }

TEST_F(PodsTest, APodIsScheduledStartedAndReadyInItsTime) {
  const Json created = Create({.schedule_after = absl::Seconds(1),
                               .start_after = absl::Seconds(2),
                               .ready_after = absl::Seconds(3)});
  EXPECT_EQ(created["status"]["phase"], "Pending");
  EXPECT_EQ(ConditionOf(Get(), "PodScheduled"), "none");
  Advance(absl::Seconds(1));
  Json pod = Get();
  EXPECT_EQ(pod["spec"]["nodeName"], "local");
  EXPECT_EQ(ConditionOf(pod, "PodScheduled"), "True");
  EXPECT_EQ(State(pod)["waiting"]["reason"], "ContainerCreating");
  EXPECT_EQ(pod["status"]["startTime"], "2027-01-15T08:00:02Z");
  Advance(absl::Seconds(2));
  pod = Get();
  EXPECT_EQ(pod["status"]["phase"], "Running");
  EXPECT_EQ(pod["status"]["podIP"], "127.64.0.1");
  EXPECT_EQ(ConditionOf(pod, "Ready"), "False");
  EXPECT_EQ(ConditionOf(pod, "Ready", "reason"), "ContainersNotReady");
  EXPECT_TRUE(State(pod).contains("running"));
  Advance(absl::Seconds(3));
  pod = Get();
  EXPECT_EQ(ConditionOf(pod, "Ready"), "True");
  EXPECT_EQ(ConditionOf(pod, "ContainersReady"), "True");
  EXPECT_EQ(ConditionOf(pod, "Ready", "lastTransitionTime"), "2027-01-15T08:00:07Z");
  EXPECT_EQ(pod["status"]["containerStatuses"][0]["ready"], true);
}

TEST_F(PodsTest, ExitCodesGivePhaseAndReason) {
  struct Case {
    PodScript script;
    const char* phase;
    int exit_code;
    const char* reason;
  };
  const Case cases[] = {
      {{.exit_after = absl::Seconds(1)}, "Succeeded", 0, "Completed"},
      {{.exit_after = absl::Seconds(1), .exit_code = 7}, "Failed", 7, "Error"},
      {{.exit_after = absl::Seconds(1), .is_oom_killed = true}, "Failed", 137, "OOMKilled"},
  };
  for (const Case& test : cases) {
    Create(test.script);
    EXPECT_EQ(Get()["status"]["phase"], "Running");
    Advance(absl::Seconds(1));
    const Json pod = Get();
    EXPECT_EQ(pod["status"]["phase"], test.phase);
    EXPECT_EQ(State(pod)["terminated"]["exitCode"], test.exit_code);
    EXPECT_EQ(State(pod)["terminated"]["reason"], test.reason);
    EXPECT_EQ(ConditionOf(pod, "Ready"), "False");
    EXPECT_EQ(runtime_.running_pods(), 0u);
    EXPECT_EQ(Do("DELETE", kPod).code, 200);
    EXPECT_FALSE(IsThere()) << "a finished pod has no grace to wait for";
  }
}

TEST_F(PodsTest, AMissingImageIsAWaitingReason) {
  Create({.is_image_missing = true});
  Json pod = Get();
  EXPECT_EQ(pod["status"]["phase"], "Pending");
  EXPECT_EQ(State(pod)["waiting"]["reason"], "ErrImagePull");
  Advance(absl::Seconds(10));
  pod = Get();
  EXPECT_EQ(State(pod)["waiting"]["reason"], "ImagePullBackOff");
  EXPECT_TRUE(absl::StrContains(State(pod)["waiting"].value("message", ""), "app:1"));
  Do("DELETE", kPod);
  EXPECT_FALSE(IsThere());
}

TEST_F(PodsTest, AnUnschedulablePodSaysSoAndGoesAtOnce) {
  Create({.unschedulable_message = "0/1 nodes are available"}, /*has_finalizer=*/true);
  const Json pod = Get();
  EXPECT_EQ(ConditionOf(pod, "PodScheduled"), "False");
  EXPECT_EQ(ConditionOf(pod, "PodScheduled", "reason"), "Unschedulable");
  EXPECT_EQ(ConditionOf(pod, "PodScheduled", "message"), "0/1 nodes are available");
  EXPECT_FALSE(pod["spec"].contains("nodeName"));
  EXPECT_EQ(Do("DELETE", kPod).Body()["metadata"]["deletionGracePeriodSeconds"], 0);
  Do("PATCH", kPod, {{"metadata", {{"finalizers", nullptr}}}});
  EXPECT_FALSE(IsThere());
}

TEST_F(PodsTest, DeletionStopsThePodAndThenRemovesIt) {
  Create({.stop_after = absl::Seconds(2), .stop_exit_code = 143});
  const Json deleted = Do("DELETE", kPod).Body();
  EXPECT_EQ(deleted["metadata"]["deletionGracePeriodSeconds"], 5);
  EXPECT_EQ(deleted["metadata"]["deletionTimestamp"], "2027-01-15T08:00:06Z");
  Advance(absl::Seconds(1));
  EXPECT_TRUE(IsThere());
  EXPECT_EQ(runtime_.running_pods(), 1u);
  Advance(absl::Seconds(1));
  EXPECT_FALSE(IsThere());
  EXPECT_EQ(runtime_.running_pods(), 0u);
}

TEST_F(PodsTest, AStubbornPodIsKilledAtItsGraceAndASecondDeleteShortensIt) {
  Create({.stop_after = absl::Hours(1)}, /*has_finalizer=*/true);
  Do("DELETE", kPod);
  Advance(absl::Seconds(1));
  Do("DELETE", kPod, {{"gracePeriodSeconds", 60}});
  EXPECT_EQ(Get()["metadata"]["deletionGracePeriodSeconds"], 5) << "never lengthened";
  Do("DELETE", kPod, {{"gracePeriodSeconds", 2}});
  Advance(absl::Seconds(2));
  const Json pod = Get();
  EXPECT_EQ(pod["status"]["phase"], "Failed");
  EXPECT_EQ(State(pod)["terminated"]["exitCode"], 137);
  EXPECT_EQ(pod["metadata"]["deletionGracePeriodSeconds"], 0) << "stopped, held by the finalizer";
}

TEST_F(PodsTest, AFinalizerKeepsAFinishedPodReadable) {
  Create({.exit_after = absl::Seconds(1), .exit_code = 7}, /*has_finalizer=*/true);
  Advance(absl::Seconds(1));
  EXPECT_EQ(Do("DELETE", kPod).code, 200);
  Json pod = Get();
  EXPECT_EQ(pod["metadata"]["deletionGracePeriodSeconds"], 0);
  EXPECT_EQ(pod["status"]["phase"], "Failed");
  EXPECT_EQ(State(pod)["terminated"]["exitCode"], 7);
  EXPECT_FALSE(pod["status"].value("podIP", "").empty());
  EXPECT_EQ(Do("PATCH", kPod, {{"metadata", {{"labels", {{"late", "yes"}}}}}}).code, 200);
  Recorder added = Do("PATCH", kPod, {{"metadata", {{"finalizers", {kFinalizer, "x.y/z"}}}}});
  EXPECT_EQ(added.code, 422);
  EXPECT_TRUE(absl::StrContains(added.data, "no new finalizers can be added")) << added.data;
  EXPECT_EQ(Do("PATCH", kPod, {{"metadata", {{"finalizers", nullptr}}}}).code, 200);
  EXPECT_FALSE(IsThere());
}

TEST_F(PodsTest, AFinalizerTakenOffDuringTheGraceDoesNotCutItShort) {
  Create({.stop_after = absl::Seconds(2)}, /*has_finalizer=*/true);
  Do("DELETE", kPod);
  Do("PATCH", kPod, {{"metadata", {{"finalizers", nullptr}}}});
  EXPECT_TRUE(IsThere());
  Advance(absl::Seconds(2));
  EXPECT_FALSE(IsThere());
}

TEST_F(PodsTest, DeleteByForceRemovesTheObjectAndEndsTheContainerAfterwards) {
  Create({.stop_after = absl::Hours(1)});
  Do("DELETE", kPod, {{"gracePeriodSeconds", 0}});
  EXPECT_FALSE(IsThere());
  EXPECT_EQ(runtime_.running_pods(), 1u);
  Create({});  // the same name again: another pod
  EXPECT_EQ(Get()["status"]["podIP"], "127.64.0.2");
  Advance(absl::Seconds(1));
  EXPECT_EQ(runtime_.running_pods(), 1u);
  EXPECT_EQ(Get()["status"]["phase"], "Running");
}

TEST_F(PodsTest, DeletePreconditionsMustHold) {
  const Json pod = Create({});
  Recorder refused = Do("DELETE", kPod, {{"preconditions", {{"uid", "other"}}}});
  EXPECT_EQ(refused.code, 409);
  EXPECT_EQ(refused.Body()["reason"], "Conflict");
  refused = Do("DELETE", kPod, {{"preconditions", {{"resourceVersion", "1"}}}});
  EXPECT_EQ(refused.code, 409);
  EXPECT_EQ(Do("DELETE", kPod, {{"preconditions", {{"uid", pod["metadata"]["uid"]}}}}).code, 200);
}

TEST_F(PodsTest, TheEndingWriteStopsThePodAndKeepsItsRecord) {
  Create({.stop_after = absl::Seconds(1), .log = "hello\n"}, /*has_finalizer=*/true);
  Advance(absl::Minutes(10));
  const Recorder patched = Do(
      "PATCH", kPod,
      {{"metadata", {{"finalizers", nullptr}, {"annotations", {{"spawner.dev/reason", "IDLE"}}}}},
       {"spec", {{"activeDeadlineSeconds", 1}}}});
  EXPECT_EQ(patched.code, 200) << patched.data;
  Json pod = Get();
  EXPECT_EQ(pod["status"]["phase"], "Running") << "not Failed before its container has ended";
  EXPECT_EQ(ConditionOf(pod, "Ready"), "False");
  Advance(absl::Seconds(1));
  pod = Get();
  EXPECT_EQ(pod["status"]["phase"], "Failed");
  EXPECT_EQ(pod["status"]["reason"], "DeadlineExceeded");
  EXPECT_EQ(State(pod)["terminated"]["exitCode"], 0);
  EXPECT_EQ(State(pod)["terminated"]["reason"], "Completed");
  EXPECT_EQ(Do("GET", absl::StrCat(kPod, "/log")).data, "hello\n");
  EXPECT_EQ(Do("DELETE", kPod).code, 200);
  EXPECT_FALSE(IsThere());
}

TEST_F(PodsTest, ADeadlineEndsAPodThatNeverStarted) {
  Create({.is_image_missing = true});
  Do("PATCH", kPod, {{"spec", {{"activeDeadlineSeconds", 3}}}});
  Advance(absl::Seconds(3));
  const Json pod = Get();
  EXPECT_EQ(pod["status"]["phase"], "Failed");
  EXPECT_EQ(pod["status"]["reason"], "DeadlineExceeded");
  EXPECT_EQ(State(pod)["terminated"]["reason"], "ContainerStatusUnknown");
}

TEST_F(PodsTest, LogsAreReadAndFollowed) {
  EXPECT_EQ(Do("GET", absl::StrCat(kPod, "/log")).code, 404);
  Create({.start_after = absl::Seconds(1), .log = "one\ntwo\n"});
  Advance(absl::Seconds(1));
  EXPECT_EQ(Do("GET", absl::StrCat(kPod, "/log?tailLines=1")).data, "two\n");
  EXPECT_EQ(Do("GET", absl::StrCat(kPod, "/log?tailLines=x")).code, 400);
  Recorder follower;
  const auto id = kubernetes_.Start({.path = absl::StrCat(kPod, "/log?follow=true"),
                                     .timeout = absl::InfiniteDuration(),
                                     .is_stream = true,
                                     .is_pausable = true},
                                    &follower);
  kubernetes_.Poll(absl::ZeroDuration());
  EXPECT_EQ(follower.data, "one\ntwo\n");
  EXPECT_FALSE(follower.status.has_value());
  kubernetes_.SetPaused(id, true);
  runtime_.ExitPod(Get()["metadata"]["uid"], 0);
  kubernetes_.Poll(absl::ZeroDuration());
  EXPECT_FALSE(follower.status.has_value()) << "paused";
  kubernetes_.SetPaused(id, false);
  kubernetes_.Poll(absl::ZeroDuration());
  ASSERT_TRUE(follower.status.has_value());
  EXPECT_TRUE(follower.status->ok());
}

TEST_F(PodsTest, TheSameScriptGivesTheSameHistory) {
  std::string histories[2];
  for (std::string& history : histories) {
    FakeClock clock;
    SeededRandom random(42);
    ScriptedRuntime runtime(clock);
    LocalKubernetes kubernetes(clock, random, runtime);
    runtime.SetScript("", {.start_after = absl::Seconds(1), .exit_after = absl::Seconds(2)});
    Recorder watch;
    kubernetes.Start(
        {.path = "/api/v1/pods?watch=true", .timeout = absl::InfiniteDuration(), .is_stream = true},
        &watch);
    std::vector<std::unique_ptr<Recorder>> creates;
    for (int i = 0; i < 20; ++i) {
      creates.push_back(std::make_unique<Recorder>());
      kubernetes.Start(
          {.method = "POST", .path = kPods, .body = MakePod(absl::StrCat("p", i)).dump()},
          creates.back().get());
    }
    for (int i = 0; i < 10; ++i) {
      kubernetes.Poll(absl::Hours(1));  // waits not at all
      if (kubernetes.NextWake() < clock.Now() + absl::Minutes(1)) {
        clock.AdvanceTo(kubernetes.NextWake());
      }
    }
    history = watch.data;
  }
  EXPECT_EQ(histories[0], histories[1]);
  EXPECT_TRUE(absl::StrContains(histories[0], "Succeeded"));
}

}  // namespace
}  // namespace spawner::local
