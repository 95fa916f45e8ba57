// Goal: what lists and watches of pods answer stands any bytes, at any fragment size alike.
// Method: the first byte is a fragment size, the rest a stream. Its lines are decoded once as they
// come in fragments, once from the whole; and the whole as a page of a list and as a lease.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "controller/kube/lease_object.h"
#include "controller/kube/limits.h"
#include "controller/kube/line_buffer.h"
#include "controller/kube/pod_stream.h"

namespace {

using spawner::kube::WatchEvent;

std::string Describe(const absl::StatusOr<WatchEvent>& event) {
  if (!event.ok()) return std::string(event.status().message());
  const bool has_pod =
      event->type == WatchEvent::Type::kChanged || event->type == WatchEvent::Type::kGone;
  // The decoder's promises.
  if (event->resource_version.empty() != (event->type == WatchEvent::Type::kError)) std::abort();
  if (has_pod && (event->pod.name.empty() || event->pod.ns.empty())) std::abort();
  if (event->type == WatchEvent::Type::kError && event->error_code == 0) std::abort();
  return absl::StrCat(static_cast<int>(event->type), " ", event->resource_version, " ",
                      event->pod.name, " ", event->error_code);
}

std::vector<std::string> Decode(absl::string_view stream, size_t fragment) {
  std::vector<std::string> events;
  spawner::kube::LineBuffer lines(spawner::kube::kWatchLineBytesMax);
  while (!stream.empty()) {
    const absl::string_view chunk = stream.substr(0, fragment);
    stream.remove_prefix(chunk.size());
    if (!lines.Append(chunk).ok()) break;
    for (absl::string_view line; lines.Next(line);) {
      events.push_back(Describe(spawner::kube::DecodeWatchEvent(line)));
    }
  }
  return events;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t fragment = std::max<size_t>(1, data[0]);
  const absl::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (Decode(stream, fragment) != Decode(stream, stream.size())) std::abort();
  const auto page = spawner::kube::DecodePodPage(stream);
  if (page.ok() && page->resource_version.empty()) std::abort();
  const auto lease = spawner::kube::LeaseObject::Decode(stream);
  if (lease.ok() && !spawner::kube::LeaseObject::Decode(lease->Encode()).ok()) std::abort();
  return 0;
}
