#include "controller/kube/pod.h"

#include <gtest/gtest.h>

#include "absl/strings/str_replace.h"

namespace spawner::kube {
namespace {

// As a kube-apiserver 1.34 answers, cut to what is read and some of what is not.
constexpr char kPod[] = R"({
  "kind": "Pod", "apiVersion": "v1",
  "metadata": {
    "name": "s-1", "namespace": "a", "uid": "u-1", "resourceVersion": "17",
    "creationTimestamp": "2026-01-02T03:04:05Z", "deletionTimestamp": "2026-01-02T04:04:05Z",
    "labels": {"spawner.dev/session": "s"}, "annotations": {"x": "y"},
    "finalizers": ["example.dev/record"], "managedFields": [{"manager": "curl"}]},
  "spec": {"nodeName": "n1", "activeDeadlineSeconds": 1, "containers": [{"name": "app"}]},
  "status": {
    "phase": "Failed", "reason": "DeadlineExceeded", "message": "too long", "podIP": "10.0.0.7",
    "conditions": [
      {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-02T03:04:06Z"},
      {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1"},
      {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}],
    "containerStatuses": [
      {"name": "app", "ready": false, "restartCount": 2,
       "state": {"terminated": {"exitCode": 137, "signal": 9, "reason": "OOMKilled",
                 "message": "m", "finishedAt": "2026-01-02T03:05:00Z", "startedAt": null}},
       "lastState": {"terminated": {"exitCode": 3}}},
      {"name": "side", "ready": true, "state": {"running": {}}, "lastState": {}}],
    "initContainerStatuses": [
      {"name": "init", "state": {"waiting": {"reason": "ErrImagePull", "message": "no"}}}]}})";

TEST(DecodePod, ReadsWhatTheApiServerWrites) {
  const absl::StatusOr<Pod> pod = DecodePod(kPod);
  ASSERT_TRUE(pod.ok()) << pod.status();
  EXPECT_EQ(pod->ns, "a");
  EXPECT_EQ(pod->name, "s-1");
  EXPECT_EQ(pod->uid, "u-1");
  EXPECT_EQ(pod->resource_version, "17");
  EXPECT_EQ(pod->labels.at("spawner.dev/session"), "s");
  EXPECT_EQ(pod->annotations.at("x"), "y");
  EXPECT_TRUE(pod->HasFinalizer("example.dev/record"));
  EXPECT_FALSE(pod->HasFinalizer("other"));
  EXPECT_EQ(pod->create_time, absl::FromUnixSeconds(1767323045));
  EXPECT_EQ(pod->deletion_time, absl::FromUnixSeconds(1767326645));
  EXPECT_EQ(pod->node, "n1");
  EXPECT_EQ(pod->active_deadline_seconds, 1);
  EXPECT_EQ(pod->phase, PodPhase::kFailed);
  EXPECT_EQ(pod->status_reason, "DeadlineExceeded");
  EXPECT_EQ(pod->status_message, "too long");
  EXPECT_EQ(pod->ip, "10.0.0.7");
  EXPECT_TRUE(pod->is_ready);
  EXPECT_EQ(pod->ready_time, absl::FromUnixSeconds(1767323046));
  EXPECT_EQ(pod->unschedulable_message, "0/1");
  EXPECT_EQ(pod->disruption_reason, "EvictionByEvictionAPI");
  const ContainerStatus* app = pod->FindContainer("app");
  ASSERT_NE(app, nullptr);
  ASSERT_TRUE(app->terminated.has_value());
  EXPECT_EQ(app->terminated->exit_code, 137);
  EXPECT_EQ(app->terminated->signal, 9);
  EXPECT_EQ(app->terminated->reason, "OOMKilled");
  EXPECT_EQ(app->terminated->message, "m");
  EXPECT_EQ(app->terminated->finished_at, absl::FromUnixSeconds(1767323100));
  EXPECT_EQ(app->last_terminated->exit_code, 3);
  EXPECT_EQ(app->restart_count, 2);
  EXPECT_TRUE(pod->FindContainer("side")->is_running);
  EXPECT_TRUE(pod->FindContainer("side")->is_ready);
  EXPECT_EQ(pod->FindContainer("none"), nullptr);
  EXPECT_EQ(pod->init_containers->at(0).waiting.value_or_empty().reason, "ErrImagePull");
  EXPECT_EQ(pod->init_containers->at(0).waiting.value_or_empty().message, "no");
}

TEST(DecodePod, ReadsAPodThatWasJustCreated) {
  const absl::StatusOr<Pod> pod = DecodePod(R"({"metadata": {"name": "s-1", "namespace": "a",
      "uid": "u", "resourceVersion": "1", "creationTimestamp": "2026-01-02T03:04:05Z"},
      "status": {"phase": "Pending"}})");
  ASSERT_TRUE(pod.ok()) << pod.status();
  EXPECT_EQ(pod->phase, PodPhase::kPending);
  EXPECT_FALSE(pod->is_ready);
  EXPECT_FALSE(pod->deletion_time.has_value());
  EXPECT_FALSE(pod->active_deadline_seconds.has_value());
  EXPECT_FALSE(pod->unschedulable_message.has_value());
  EXPECT_TRUE(pod->containers.empty());
}

TEST(DecodePod, NamesWhatIsMissingOrOfAWrongType) {
  const auto message_with = [](absl::string_view from, absl::string_view to) {
    const absl::Status status = DecodePod(absl::StrReplaceAll(kPod, {{from, to}})).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_EQ(message_with(R"("uid": "u-1",)", ""), "metadata.uid: missing");
  EXPECT_EQ(message_with(R"("s-1")", "1"), "metadata.name: is of type number, not a string");
  EXPECT_EQ(message_with("137", "\"137\""),
            "status.containerStatuses[0].state.terminated.exitCode: is of type string, not an "
            "integer");
  EXPECT_EQ(message_with(R"("2026-01-02T03:04:05Z")", "\"now\""),
            "metadata.creationTimestamp: not a time as 2026-01-02T03:04:05Z: \"now\"");
  EXPECT_EQ(DecodePod("[1]").status().message(), "document: is of type array, not an object");
  EXPECT_EQ(DecodePod("{").status().message(), "not JSON: breaks at byte 2 of 1");
}

TEST(Pod, IsFinalOnlyWhenEveryContainerTerminated) {
  Pod pod;
  pod.phase = PodPhase::kFailed;
  EXPECT_TRUE(pod.IsFinal());  // evicted before anything ran
  pod.containers.push_back({.name = "app", .is_running = true});
  EXPECT_FALSE(pod.IsFinal());
  pod.containers[0].is_running = false;
  pod.containers[0].terminated = ContainerTermination{};
  EXPECT_TRUE(pod.IsFinal());
  pod.phase = PodPhase::kRunning;
  EXPECT_FALSE(pod.IsFinal());
}

}  // namespace
}  // namespace spawner::kube
