#include "controller/local/scripted_runtime.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "controller/local/limits.h"
#include "controller/local/object_schema.h"

namespace spawner::local {
namespace {

using Kind = RuntimeEvent::Kind;

constexpr int kKilledExitCode = 137;  // 128 + SIGKILL

RuntimeEvent MakeEvent(Kind kind, const std::string& uid, std::string reason = "",
                       std::string message = "") {
  RuntimeEvent event;
  event.kind = kind;
  event.uid = uid;
  event.reason = std::move(reason);
  event.message = std::move(message);
  return event;
}

std::string PullPolicyOf(const Json& pod) {
  return pod.at("spec").at("containers").at(0).value("imagePullPolicy", "");
}

RuntimeEvent Exited(const std::string& uid, int exit_code, std::string reason = "") {
  RuntimeEvent event = MakeEvent(Kind::kExited, uid, std::move(reason));
  event.exit_code = exit_code;
  return event;
}

}  // namespace

void ScriptedRuntime::SetScript(const std::string& image, PodScript script) {
  scripts_[image] = std::move(script);
}

const PodScript& ScriptedRuntime::ScriptOf(const std::string& image) const {
  static const PodScript kDefault;
  auto found = scripts_.find(image);
  if (found == scripts_.end()) found = scripts_.find("");
  return found == scripts_.end() ? kDefault : found->second;
}

void ScriptedRuntime::Plan(ScriptedPod& pod, Instant when, RuntimeEvent event) {
  const Due due{when, ++planned_count_};
  pod.plan.push_back(due);
  planned_.emplace(due, std::move(event));
}

bool ScriptedRuntime::CancelPlan(ScriptedPod& pod, Instant until) {
  bool exits_anyway = false;
  std::vector<Due> kept;
  for (const Due& due : pod.plan) {
    const auto event = planned_.find(due);
    if (event == planned_.end()) continue;
    if (event->second.kind == Kind::kExited && due.first <= until) {
      exits_anyway = true;
      kept.push_back(due);
    } else {
      planned_.erase(event);
    }
  }
  pod.plan = std::move(kept);
  return exits_anyway;
}

void ScriptedRuntime::StartPod(const Json& pod, Instant now) {
  const std::string uid = MetaText(pod, "uid");
  const std::string image = pod.at("spec").at("containers").at(0).value("image", "");
  ScriptedPod& scripted = pods_[uid];
  scripted.script = ScriptOf(image);
  const PodScript& script = scripted.script;
  Instant at = now + script.schedule_after;
  if (!script.unschedulable_message.empty()) {
    Plan(scripted, at,
         MakeEvent(Kind::kUnschedulable, uid, "Unschedulable", script.unschedulable_message));
    return;
  }
  Plan(scripted, at, MakeEvent(Kind::kScheduled, uid));
  at = at + script.start_after;
  if (script.is_image_missing && PullPolicyOf(pod) == "Never") {
    Plan(scripted, at,
         MakeEvent(Kind::kWaiting, uid, "ErrImageNeverPull",
                   absl::StrCat("Container image \"", image,
                                "\" is not present with pull policy of Never")));
    return;
  }
  if (script.is_image_missing) {
    const std::string what =
        absl::StrCat("failed to pull and unpack image \"", image, "\": not found");
    Plan(scripted, at, MakeEvent(Kind::kWaiting, uid, "ErrImagePull", what));
    Plan(scripted, at + kImageBackOff,
         MakeEvent(Kind::kWaiting, uid, "ImagePullBackOff",
                   absl::StrCat("Back-off pulling image \"", image, "\": ErrImagePull: ", what)));
    return;
  }
  Plan(scripted, at, MakeEvent(Kind::kStarted, uid));
  if (script.ready_after && (!script.exit_after || *script.ready_after < *script.exit_after)) {
    Plan(scripted, at + *script.ready_after, MakeEvent(Kind::kReady, uid));
  }
  if (script.exit_after) {
    Plan(scripted, at + *script.exit_after,
         script.is_oom_killed ? Exited(uid, kKilledExitCode, "OOMKilled")
                              : Exited(uid, script.exit_code));
  }
}

void ScriptedRuntime::StopPod(const std::string& uid, absl::Duration grace, Instant now) {
  const auto found = pods_.find(uid);
  if (found == pods_.end() || found->second.is_exited) return;
  ScriptedPod& pod = found->second;
  if (pod.ip.empty()) {
    CancelPlan(pod, Instant{});
    Plan(pod, now, Exited(uid, 0));
    return;
  }
  const bool obeys = pod.script.stop_after <= grace;
  const Instant end = now + std::min(pod.script.stop_after, grace);
  if (CancelPlan(pod, end)) return;
  Plan(pod, end, Exited(uid, obeys ? pod.script.stop_exit_code : kKilledExitCode));
}

void ScriptedRuntime::ExitPod(const std::string& uid, int exit_code) {
  const auto found = pods_.find(uid);
  SPAWNER_CHECK(found != pods_.end() && !found->second.ip.empty());
  CancelPlan(found->second, Instant{});
  Plan(found->second, clock_.Now(), Exited(uid, exit_code));
}

void ScriptedRuntime::ForgetPod(const std::string& uid) {
  const auto found = pods_.find(uid);
  if (found == pods_.end()) return;
  CancelPlan(found->second, Instant{});
  pods_.erase(found);
}

std::vector<RuntimeEvent> ScriptedRuntime::Step(Instant now) {
  std::vector<RuntimeEvent> events;
  while (!planned_.empty() && planned_.begin()->first.first <= now) {
    RuntimeEvent event = std::move(planned_.begin()->second);
    planned_.erase(planned_.begin());
    ScriptedPod& pod = pods_[event.uid];
    if (event.kind == Kind::kStarted) {
      pod.ip = event.ip = ips_.Take();
      pod.log.Append(pod.script.log, clock_.WallNow());
      ++running_pods_;
    } else if (event.kind == Kind::kExited) {
      pod.is_exited = true;
      pod.log.Close(clock_.WallNow());
      if (!pod.ip.empty()) --running_pods_;
      ips_.Return(pod.ip);
      pod.ip.clear();
    }
    events.push_back(std::move(event));
  }
  return events;
}

Instant ScriptedRuntime::NextWake() const {
  return planned_.empty() ? Instant::Infinite() : planned_.begin()->first.first;
}

const PodLog* ScriptedRuntime::FindLog(const std::string& uid) const {
  const auto found = pods_.find(uid);
  return found == pods_.end() ? nullptr : &found->second.log;
}

}  // namespace spawner::local
