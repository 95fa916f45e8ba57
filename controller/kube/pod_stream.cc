#include "controller/kube/pod_stream.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/json.h"
#include "base/status.h"
#include "controller/kube/pod_json.h"

namespace spawner::kube {

absl::StatusOr<PodPage> DecodePodPage(absl::string_view json) {
  ASSIGN_OR_RETURN(const Json document, ParseJson(json));
  absl::Status error;
  const JsonReader reader(document, "", error);
  const JsonReader metadata = reader.Object("metadata");
  PodPage page{.resource_version = metadata.RequiredString("resourceVersion"),
               .continue_token = metadata.String("continue")};
  const size_t count = reader.Objects("items").size();  // checks the types
  RETURN_IF_ERROR(error);
  page.pods.reserve(count);
  if (count == 0) return page;
  for (const Json& item : *document.find("items")) {
    absl::StatusOr<Pod> pod = DecodePodJson(item);
    if (!pod.ok()) return Annotate(pod.status(), absl::StrCat("items[", page.pods.size(), "]"));
    page.pods.push_back(*std::move(pod));
  }
  return page;
}

absl::StatusOr<WatchEvent> DecodeWatchEvent(absl::string_view line) {
  ASSIGN_OR_RETURN(const Json document, ParseJson(line));
  absl::Status error;
  const JsonReader reader(document, "", error);
  const std::string type = reader.RequiredString("type");
  const JsonReader object = reader.Object("object");
  if (!object.Has("metadata") && type != "ERROR") {
    RETURN_IF_ERROR(error);
    return absl::InvalidArgumentError("object.metadata: missing");
  }
  WatchEvent event;
  if (type == "ERROR") {
    event.type = WatchEvent::Type::kError;
    event.error_code = object.Int32("code");
    RETURN_IF_ERROR(error);
    if (event.error_code == 0) return absl::InvalidArgumentError("object.code: missing");
    event.error = JsonText(*document.find("object"));
    return event;
  }
  event.resource_version = object.Object("metadata").RequiredString("resourceVersion");
  RETURN_IF_ERROR(error);
  if (type == "BOOKMARK") {
    event.type = WatchEvent::Type::kBookmark;
    return event;
  }
  if (type == "DELETED") {
    event.type = WatchEvent::Type::kGone;
  } else if (type == "ADDED" || type == "MODIFIED") {
    event.type = WatchEvent::Type::kChanged;
  } else {
    return absl::InvalidArgumentError(absl::StrCat("type: \"", type.substr(0, 64), "\" is none"));
  }
  absl::StatusOr<Pod> pod = DecodePodJson(*document.find("object"));
  if (!pod.ok()) return Annotate(pod.status(), "object");
  event.pod = *std::move(pod);
  return event;
}

}  // namespace spawner::kube
