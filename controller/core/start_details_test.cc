#include "controller/core/start_details.h"

#include "controller/core/limits.h"
#include "gtest/gtest.h"

namespace spawner::core {
namespace {

kube::PodEvent Event(int second, std::string type, std::string reason, std::string message) {
  return {absl::FromUnixSeconds(43'380 + second), std::move(type), std::move(reason),
          std::move(message), 1};
}

TEST(StartDetailOf, TellsTheNewestThatMatters) {
  std::vector<kube::PodEvent> events;
  EXPECT_EQ(StartDetailOf(events), "");
  events.push_back(Event(0, "Normal", "Scheduled", "assigned"));
  EXPECT_EQ(StartDetailOf(events), "");
  events.push_back(Event(1, "Normal", "Pulling", "Pulling image \"app:7\""));
  EXPECT_EQ(StartDetailOf(events), "pulling image \"app:7\" since 12:03:01 UTC");
  events.push_back(Event(2, "Warning", "Failed", "Failed to pull image \"app:7\": no such host"));
  EXPECT_EQ(StartDetailOf(events), "Failed: Failed to pull image \"app:7\": no such host");
  events.push_back(Event(3, "Normal", "Pulled", "Successfully pulled image \"app:7\" in 2s"));
  events.push_back(Event(3, "Normal", "SuccessfulAttachVolume", "attached"));
  EXPECT_EQ(StartDetailOf(events), "Successfully pulled image \"app:7\" in 2s");
}

TEST(StartDetailOf, IsBounded) {
  EXPECT_EQ(StartDetailOf({Event(0, "Warning", "FailedMount", std::string(9000, 'x'))}).size(),
            kDetailBytesMax);
}

}  // namespace
}  // namespace spawner::core
