// Goal: a body of POST /spawn that is accepted is a request that can be read again, and a query
// that is accepted has one decoded value. First line: the target. Rest: the body.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controller/api/backend_api.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::string_view target = text.substr(0, text.find('\n'));
  const absl::string_view body = text.substr(std::min(target.size() + 1, text.size()));
  const absl::StatusOr<std::optional<std::string>> ns =
      spawner::api::OnlyParameter(target, "namespace");
  if (ns.ok() && ns->has_value() && (*ns)->size() > target.size()) std::abort();
  const absl::StatusOr<spawner::v1::ConnectRequest> request =
      spawner::api::ReadSpawn("default", body);
  if (!request.ok()) {
    // It goes out as JSON, and the log is lines.
    if (request.status().message().find('\n') != absl::string_view::npos) std::abort();
    return 0;
  }
  const spawner::v1::SessionSpec& spec = request->spec();
  if (spec.image().empty() && spec.command().empty()) std::abort();
  if (spec.port() < 0 || spec.port() > 65535 || spec.idle().grace().seconds() < 0) std::abort();
  std::string bytes;
  spawner::v1::ConnectRequest again;
  // Strings that are not UTF-8 would not survive.
  if (!request->SerializeToString(&bytes) || !again.ParseFromString(bytes)) std::abort();
  return 0;
}
