#include "controller/kube/pod_event.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace spawner::kube {
namespace {

TEST(DecodePodEvents, ReadsWhatSchedulersAndKubeletsWriteDown) {
  const auto events = DecodePodEvents(R"({"kind": "EventList", "items": [
    {"metadata": {"name": "b"}, "reason": "Started", "type": "Normal", "message": "Started",
     "firstTimestamp": "2026-11-30T12:00:05Z", "lastTimestamp": "2026-11-30T12:00:09Z", "count": 3,
     "eventTime": null},
    {"metadata": {"name": "a"}, "reason": "Scheduled", "type": "Normal", "message": "to node n",
     "firstTimestamp": null, "lastTimestamp": null, "eventTime": "2026-11-30T12:00:04.123456Z",
     "series": {"count": 2, "lastObservedTime": "2026-11-30T12:00:08.500000Z"}},
    {"metadata": {"name": "c", "creationTimestamp": "2026-11-30T12:00:01Z"}, "reason": "Odd"}
  ]})",
                                      50);
  ASSERT_TRUE(events.ok()) << events.status();
  ASSERT_EQ(events->size(), 3u);
  EXPECT_EQ((*events)[0].reason, "Odd");
  EXPECT_EQ((*events)[0].count, 1);
  EXPECT_EQ((*events)[1].reason, "Scheduled");
  EXPECT_EQ((*events)[1].count, 2);
  EXPECT_EQ((*events)[1].message, "to node n");
  EXPECT_EQ((*events)[2].reason, "Started");
  EXPECT_EQ((*events)[2].type, "Normal");
  EXPECT_EQ((*events)[2].count, 3);
  EXPECT_LT((*events)[1].time, (*events)[2].time);
}

TEST(DecodePodEvents, KeepsTheNewest) {
  std::string items;
  for (int i = 0; i < 60; ++i) {
    absl::StrAppend(&items, i == 0 ? "" : ",", R"({"reason": "r)", i,
                    R"(", "lastTimestamp": "2026-11-30T12:00:)", i < 10 ? "0" : "", i, R"(Z"})");
  }
  const auto events = DecodePodEvents(absl::StrCat(R"({"items": [)", items, "]}"), 50);
  ASSERT_TRUE(events.ok()) << events.status();
  ASSERT_EQ(events->size(), 50u);
  EXPECT_EQ(events->front().reason, "r10");
  EXPECT_EQ(events->back().reason, "r59");
}

TEST(DecodePodEvents, RefusesWhatIsNone) {
  EXPECT_FALSE(DecodePodEvents("[]", 50).ok());
  EXPECT_FALSE(DecodePodEvents(R"({"items": [7]})", 50).ok());
  EXPECT_FALSE(DecodePodEvents(R"({"items": [{"reason": 7}]})", 50).ok());
  EXPECT_FALSE(DecodePodEvents("{", 50).ok());
}

TEST(PodEventsPath, EscapesTheUid) {
  EXPECT_EQ(PodEventsPath("a", "u-1&x"),
            "/api/v1/namespaces/a/events?fieldSelector=involvedObject.uid%3Du-1%26x&limit=500");
}

}  // namespace
}  // namespace spawner::kube
