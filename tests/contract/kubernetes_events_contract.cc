// What Spawner reads of a pod's Events.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "controller/kube/pod_event.h"
#include "tests/contract/contract_fixture.h"

namespace spawner::contract {
namespace {

using kube::Pod;
using kube::PodEvent;

class PodEventsContract : public KubernetesContract {
 protected:
  std::vector<PodEvent> Events(const Pod& pod) {
    const absl::StatusOr<std::string> json = api_.Get(kube::PodEventsPath(pod.ns, pod.uid));
    EXPECT_TRUE(json.ok()) << json.status();
    const auto events = kube::DecodePodEvents(json.value_or(""), 50);
    EXPECT_TRUE(events.ok()) << events.status();
    return events.value_or(std::vector<PodEvent>{});
  }
  // Its place among the events, once it is there; -1: it did not come.
  int Await(const Pod& pod, absl::string_view reason, absl::string_view part = "") {
    int place = -1;
    api_.Until([&] {
      const std::vector<PodEvent> events = Events(pod);
      const auto found = std::find_if(events.begin(), events.end(), [&](const PodEvent& event) {
        return event.reason == reason && absl::StrContains(event.message, part);
      });
      if (found == events.end()) return false;
      place = static_cast<int>(found - events.begin());
      return true;
    });
    return place;
  }
  Pod Create(const Json& json) {
    const absl::StatusOr<Pod> pod = api_.Create(json);
    EXPECT_TRUE(pod.ok()) << pod.status();
    return pod.value_or(Pod{});
  }
};

TEST_F(PodEventsContract, APodsEventsTellItsLife) {
  const Pod pod = Create(api_.RunningPod("a"));
  const int scheduled = Await(pod, "Scheduled");
  const int started = Await(pod, "Started");
  EXPECT_GE(scheduled, 0);
  EXPECT_GT(started, scheduled);
  const std::vector<PodEvent> events = Events(pod);
  for (const PodEvent& event : events) {
    // A node without a DNS service of its own, as the development cluster's are, warns of that.
    EXPECT_EQ(event.type, event.reason == "MissingClusterDNS" ? "Warning" : "Normal")
        << event.reason << ": " << event.message;
    EXPECT_GT(event.time, pod.create_time - absl::Minutes(1)) << event.reason;
    EXPECT_GE(event.count, 1);
  }
  ASSERT_TRUE(api_.Delete(pod.name, {}).ok());
  EXPECT_GT(Await(pod, "Killing"), started);
}

TEST_F(PodEventsContract, AreOfOnePodOnly) {
  const Pod a = Create(api_.RunningPod("a"));
  const Pod b = Create(api_.PendingPod("b"));
  EXPECT_GE(Await(a, "Started"), 0);
  EXPECT_GE(Await(b, "FailedScheduling"), 0);
  for (const PodEvent& event : Events(b)) EXPECT_EQ(event.type, "Warning") << event.reason;
  Pod none = a;
  none.uid = "00000000-0000-4000-8000-000000000000";
  EXPECT_TRUE(Events(none).empty());
}

TEST_F(PodEventsContract, SayWhichImageIsNowhere) {
  Json json = api_.RunningPod("a");
  json["spec"]["containers"][0]["image"] = api_.world().missing_image();
  const Pod pod = Create(json);
  EXPECT_GE(Await(pod, "Failed", api_.world().missing_image()), 0);
  EXPECT_GE(Await(pod, "BackOff", api_.world().missing_image()), 0);
}

TEST_F(PodEventsContract, ASelectorOfAnotherFieldIsRefused) {
  const std::string path = "/api/v1/namespaces/" + api_.world().ns() + "/events?fieldSelector=";
  EXPECT_EQ(CodeOf(api_.Get(path + "involvedObject.color%3Dred")),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace spawner::contract
