#include "controller/core/start_details.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/log.h"
#include "controller/core/causes.h"
#include "controller/core/limits.h"

namespace spawner::core {

void StartDetails::OnPlanned(Incarnation& incarnation, Instant now, Instant& wake_at) {
  const bool is_pulling = table_.leadership.is_leader &&
                          incarnation.plan.state == SessionState::kStarting &&
                          incarnation.plan.phase == StartPhase::kPulling;
  if (!is_pulling) {
    incarnation.start_detail.reset();
    incarnation.session.start_detail.reset();
    return;
  }
  StartDetail& detail = incarnation.start_detail.Edit();
  if (detail.ask_at == Instant::Infinite()) {
    detail.ask_at = now + kDetailAfter;
    detail.interval = kDetailIntervalMin;
  }
  if (now >= detail.ask_at && !detail.is_asking) {
    if (in_flight_ < kDetailsInFlightMax) {
      detail.ask_at = now + detail.interval;
      detail.interval = std::min(2 * detail.interval, kDetailIntervalMax);
      Ask(incarnation);
    } else {
      detail.ask_at = now + kDetailAfter;
    }
  }
  wake_at = std::min(wake_at, detail.ask_at);
}

void StartDetails::Ask(Incarnation& incarnation) {
  const kube::PodState& pod = incarnation.pod->pod;
  incarnation.start_detail.Edit().is_asking = true;
  ++in_flight_;
  const std::weak_ptr<char> alive = table_.alive;
  table_.client.GetObject(
      kube::PodEventsPath(incarnation.identity.ns, pod.uid),
      [this, alive, id = incarnation.identity.id,
       epoch = incarnation.identity.epoch](const absl::StatusOr<std::string>& json) {
        if (!alive.expired()) OnEvents(id, epoch, json);
      });
}

void StartDetails::OnEvents(const SessionId& id, Epoch epoch,
                            const absl::StatusOr<std::string>& json) {
  --in_flight_;
  Incarnation* incarnation = table_.Find(id, epoch);
  if (incarnation == nullptr) return;
  if (incarnation->start_detail.has_value()) incarnation->start_detail->is_asking = false;
  const absl::StatusOr<std::vector<kube::PodEvent>> events =
      json.ok() ? kube::DecodePodEvents(*json, kPodEventsMax)
                : absl::StatusOr<std::vector<kube::PodEvent>>(json.status());
  if (!events.ok()) {
    // What the pod's status says has to do.
    Log(LogLevel::kDebug, "pod_events_unknown",
        {{"session", id.value}, {"error", events.status().ToString()}});
    return;
  }
  std::string detail = StartDetailOf(*events);
  if (incarnation->session.start_detail == detail) return;
  incarnation->session.start_detail = std::move(detail);
  table_.queue.MarkDirty(id);
}

std::string StartDetailOf(const std::vector<kube::PodEvent>& events) {
  std::string detail;
  for (auto event = events.rbegin(); event != events.rend(); ++event) {
    if (event->reason == "Pulling") {
      absl::string_view what = event->message;
      absl::ConsumePrefix(&what, "Pulling ");
      detail = absl::StrCat("pulling ", what, " since ", TimeOfDay(event->time));
    } else if (event->reason == "Pulled") {
      detail = event->message;
    } else if (event->type == "Warning") {
      detail = absl::StrCat(event->reason, ": ", event->message);
    } else {
      continue;
    }
    break;
  }
  // Not within a character: it becomes a proto3 string.
  size_t size = std::min(detail.size(), kDetailBytesMax);
  while (size < detail.size() && size > 0 && (detail[size] & 0xc0) == 0x80) --size;
  detail.resize(size);
  return detail;
}

}  // namespace spawner::core
