// Goal: the crossing to yaml-cpp, which throws, lets nothing but a Status out, and what it accepts
// is JSON within our bounds.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/json.h"
#include "controller/kube/yaml.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<spawner::Json> json = spawner::kube::ParseYaml(text);
  if (!json.ok()) return 0;
  // ParseYaml counts the levels from the root's own, ParseJson from the first bracket.
  const absl::Status again = spawner::ParseJson(spawner::JsonText(*json)).status();
  if (!again.ok() && again.message().find("levels deep") == absl::string_view::npos) std::abort();
  return 0;
}
