#include "controller/local/pod_events.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/time_text.h"
#include "controller/local/limits.h"
#include "controller/local/object_schema.h"
#include "controller/local/selector.h"

namespace spawner::local {

void PodEvents::Add(const Json& pod, const What& what, absl::Time now) {
  const std::string uid = MetaText(pod, "uid");
  const size_t looked_at = std::min(events_.size(), kEventsComparedMax);
  for (size_t i = 1; i <= looked_at; ++i) {
    Event& known = events_[events_.size() - i];
    if (known.uid != uid || known.reason != what.reason || known.message != what.message) continue;
    ++known.count;
    known.last = now;
    return;
  }
  events_.push_back({.serial = ++last_serial_,
                     .ns = MetaText(pod, "namespace"),
                     .pod = MetaText(pod, "name"),
                     .uid = uid,
                     .type = std::string(what.type),
                     .reason = std::string(what.reason),
                     .component = std::string(what.component),
                     .message = what.message,
                     .first = now,
                     .last = now});
  while (events_.size() > kEventsMax || events_.front().last < now - kEventsKept) {
    events_.pop_front();
  }
}

std::string PodEvents::NameOf(const Event& event) {
  return absl::StrFormat("%s.%016x", event.pod, event.serial);
}

std::string PodEvents::FieldOf(const Event& event, const std::string& name) {
  if (name == "involvedObject.kind") return "Pod";
  if (name == "involvedObject.name") return event.pod;
  if (name == "involvedObject.namespace" || name == "metadata.namespace") return event.ns;
  if (name == "involvedObject.uid") return event.uid;
  if (name == "reason") return event.reason;
  if (name == "type") return event.type;
  return name == "metadata.name" ? NameOf(event) : "";
}

Json PodEvents::ObjectOf(const Event& event) {
  const std::string name = NameOf(event);
  return {{"kind", "Event"},
          {"apiVersion", "v1"},
          {"metadata",
           {{"name", name},
            {"namespace", event.ns},
            {"uid", absl::StrCat("event-", event.serial)},
            {"resourceVersion", absl::StrCat(event.serial)},
            {"creationTimestamp", FormatRfc3339(event.first)}}},
          {"involvedObject",
           {{"kind", "Pod"},
            {"apiVersion", "v1"},
            {"namespace", event.ns},
            {"name", event.pod},
            {"uid", event.uid}}},
          {"reason", event.reason},
          {"message", event.message},
          {"type", event.type},
          {"count", event.count},
          {"firstTimestamp", FormatRfc3339(event.first)},
          {"lastTimestamp", FormatRfc3339(event.last)},
          {"eventTime", nullptr},
          {"source", {{"component", event.component}}},
          {"reportingComponent", event.component},
          {"reportingInstance", ""}};
}

ApiResult<Json> PodEvents::Get(const ApiPath& path, uint64_t version) const {
  absl::StatusOr<Selector> selector =
      Selector::Parse(path.Query("labelSelector"), path.Query("fieldSelector"),
                      {"involvedObject.kind", "involvedObject.name", "involvedObject.namespace",
                       "involvedObject.uid", "reason", "type"});
  if (!selector.ok()) return BadRequest(std::string(selector.status().message()));
  Json items = Json::array();
  for (const Event& event : events_) {
    if (!path.ns.empty() && event.ns != path.ns) continue;
    if (!path.name.empty() && NameOf(event) != path.name) continue;
    if (!path.name.empty()) return ObjectOf(event);
    const bool is_wanted =
        selector->MatchesFields([&event](const std::string& name) { return FieldOf(event, name); });
    if (is_wanted) items.push_back(ObjectOf(event));
  }
  if (!path.name.empty()) return NotFound(path.key());
  return Json{{"kind", "EventList"},
              {"apiVersion", "v1"},
              {"metadata", {{"resourceVersion", absl::StrCat(version)}}},
              {"items", std::move(items)}};
}

}  // namespace spawner::local
