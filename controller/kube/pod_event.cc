#include "controller/kube/pod_event.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/json.h"
#include "base/status.h"
#include "controller/kube/api_path.h"
#include "controller/kube/limits.h"

namespace spawner::kube {
namespace {

// Events of the scheduler have eventTime and a series, those of a kubelet lastTimestamp and a
// count.
absl::Time TimeOf(const JsonReader& event, const JsonReader& series, const JsonReader& metadata) {
  for (const std::optional<absl::Time>& time :
       {series.Time("lastObservedTime"), event.Time("lastTimestamp"), event.Time("eventTime"),
        event.Time("firstTimestamp"), metadata.Time("creationTimestamp")}) {
    if (time.has_value()) return *time;
  }
  return absl::UnixEpoch();
}

}  // namespace

std::string PodEventsPath(absl::string_view ns, absl::string_view pod_uid) {
  return absl::StrCat("/api/v1/namespaces/", ns, "/events?fieldSelector=",
                      QueryEscape(absl::StrCat("involvedObject.uid=", pod_uid)),
                      "&limit=", kEventListMax);
}

absl::StatusOr<std::vector<PodEvent>> DecodePodEvents(absl::string_view json, size_t most) {
  ASSIGN_OR_RETURN(const Json document, ParseJson(json));
  absl::Status error;
  std::vector<PodEvent> events;
  for (const JsonReader& event : JsonReader(document, "", error).Objects("items")) {
    const JsonReader series = event.Object("series");
    events.push_back({.time = TimeOf(event, series, event.Object("metadata")),
                      .type = event.String("type"),
                      .reason = event.String("reason"),
                      .message = event.String("message"),
                      .count = std::max({1, event.Int32("count"), series.Int32("count")})});
  }
  RETURN_IF_ERROR(error);
  // Within a second (that is all that a kubelet writes down) as the server has them.
  std::vector<size_t> order(events.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&events](size_t one, size_t other) {
    return std::pair(events[one].time, one) < std::pair(events[other].time, other);
  });
  std::vector<PodEvent> sorted;
  for (size_t i = order.size() - std::min(order.size(), most); i < order.size(); ++i) {
    sorted.push_back(std::move(events[order[i]]));
  }
  return sorted;
}

}  // namespace spawner::kube
