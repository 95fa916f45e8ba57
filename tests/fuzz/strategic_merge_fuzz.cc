// Goal: no patch of a pod, and no pod template, breaks the strategic merge or the making of a pod.
// Method: two JSON objects, divided by the first line break: the patch, and what it is merged into.
// Then the first is a session's pod_overrides, and the second the PodTemplate that it is made from.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "base/json.h"
#include "controller/session/overrides.h"
#include "controller/session/pod_template.h"
#include "controller/session/session_template.h"
#include "controller/session/spec.h"
#include "controller/session/strategic_merge.h"

namespace {

// A pod, or the field that is to blame.
void Make(const spawner::SessionSpec& spec, const spawner::SessionTemplate* from) {
  spawner::PodIdentity identity;
  identity.ns = "team";
  identity.id = {"session"};
  identity.epoch = spawner::Epoch::Make(1, 1);
  const absl::StatusOr<std::string> pod = spawner::BuildPod(identity, spec, from);
  const bool is_good = pod.ok() ? spawner::ParseJson(*pod).ok()
                                : pod.status().code() == absl::StatusCode::kInvalidArgument;
  if (!is_good) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = input.find('\n');
  if (end == absl::string_view::npos) return 0;
  const absl::StatusOr<spawner::Json> patch = spawner::ParseJson(input.substr(0, end));
  const absl::StatusOr<spawner::Json> target = spawner::ParseJson(input.substr(end + 1));
  if (!patch.ok() || !target.ok()) return 0;

  spawner::Json merged = *target;
  const absl::Status status = spawner::StrategicMerge("pod_overrides", *patch, merged);
  if (!status.ok() && status.code() != absl::StatusCode::kInvalidArgument) std::abort();
  if (status.ok()) {
    spawner::Json again = merged;
    if (!spawner::StrategicMerge("", spawner::Json::object(), again).ok() || again != merged) {
      std::abort();  // an empty patch changes nothing
    }
  }
  if (!patch->is_object() || !spawner::ValidateOverrides(*patch).ok()) return 0;
  spawner::SessionSpec spec;
  spec.image = "app:1";
  spec.pod_overrides_json = spawner::JsonText(*patch);
  Make(spec, nullptr);
  const auto from = spawner::ParseSessionTemplate(input.substr(end + 1));
  if (!from.ok()) return 0;
  spec.image.clear();
  spec.template_name = from->name;
  const absl::StatusOr<spawner::SessionSpec> resolved = spawner::ResolveSpec(spec, *from);
  if (resolved.ok()) Make(*resolved, &*from);
  return 0;
}
