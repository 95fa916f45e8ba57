#include "controller/local/pod_status.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/time_text.h"
#include "controller/local/object_schema.h"

namespace spawner::local {
namespace {

constexpr int kUnknownExitCode = 137;  // as a kubelet, of a container that never ran

struct Condition {
  const char* type;
  bool holds = false;
  std::string reason;
  std::string message;
};

void SetCondition(Json& status, const Condition& condition, absl::Time now) {
  Json& conditions = status["conditions"];
  if (!conditions.is_array()) conditions = Json::array();
  Json* target = nullptr;
  for (Json& known : conditions) {
    if (known.value("type", "") == condition.type) target = &known;
  }
  if (target == nullptr) {
    conditions.push_back({{"type", condition.type}});
    target = &conditions.back();
  }
  const std::string state = condition.holds ? "True" : "False";
  if (target->value("status", "") != state) {
    (*target)["status"] = state;
    (*target)["lastTransitionTime"] = FormatRfc3339(now);
  }
  for (const auto& [field, text] :
       {std::pair("reason", &condition.reason), std::pair("message", &condition.message)}) {
    if (text->empty()) {
      target->erase(field);
    } else {
      (*target)[field] = *text;
    }
  }
}

std::string PhaseOf(const PodRecord& record) {
  if (record.exit) {
    const bool is_good =
        record.is_started && record.exit->exit_code == 0 && !record.is_past_deadline;
    return is_good ? "Succeeded" : "Failed";
  }
  return record.is_started ? "Running" : "Pending";
}

Json TerminatedState(const PodRecord& record, const std::string& container_id) {
  if (!record.is_started) {
    return {{"exitCode", kUnknownExitCode},
            {"reason", "ContainerStatusUnknown"},
            {"message", "The container could not be located when the pod was terminated"}};
  }
  const PodRecord::Exit& exit = *record.exit;
  std::string reason = exit.reason;
  if (reason.empty()) reason = exit.exit_code == 0 ? "Completed" : "Error";
  Json state = {{"exitCode", exit.exit_code},
                {"reason", reason},
                {"startedAt", FormatRfc3339(record.started_at)},
                {"finishedAt", FormatRfc3339(exit.at)},
                {"containerID", container_id}};
  if (!exit.message.empty()) state["message"] = exit.message;
  return state;
}

Json ContainerStatus(const PodRecord& record, const Json& container, const std::string& uid) {
  const std::string name = container.value("name", "");
  const std::string container_id = absl::StrCat("local://", uid, "/", name);
  const bool is_running = record.is_started && !record.exit;
  Json status = {{"name", name},
                 {"image", container.value("image", "")},
                 {"imageID", ""},
                 {"lastState", Json::object()},
                 {"ready", is_running && record.is_ready},
                 {"restartCount", 0},
                 {"started", is_running}};
  if (record.is_started) status["containerID"] = container_id;
  if (record.exit) {
    status["state"]["terminated"] = TerminatedState(record, container_id);
  } else if (record.is_started) {
    status["state"]["running"]["startedAt"] = FormatRfc3339(record.started_at);
  } else {
    status["state"]["waiting"]["reason"] = record.waiting_reason;
    if (!record.waiting_message.empty()) {
      status["state"]["waiting"]["message"] = record.waiting_message;
    }
  }
  return status;
}

void SetConditions(const PodRecord& record, const std::string& names, absl::Time now,
                   Json& status) {
  const std::string phase = PhaseOf(record);
  Condition ready{.type = "Ready", .holds = record.is_ready && !record.exit};
  if (phase == "Succeeded") {
    ready.reason = "PodCompleted";
  } else if (phase == "Failed") {
    ready.reason = "PodFailed";
  } else if (!ready.holds) {
    ready.reason = "ContainersNotReady";
    ready.message = absl::StrCat("containers with unready status: [", names, "]");
  }
  Condition containers_ready = ready;
  containers_ready.type = "ContainersReady";
  SetCondition(status,
               {.type = "PodReadyToStartContainers", .holds = record.is_started && !record.exit},
               now);
  SetCondition(
      status,
      {.type = "Initialized", .holds = true, .reason = phase == "Succeeded" ? "PodCompleted" : ""},
      now);
  SetCondition(status, ready, now);
  SetCondition(status, containers_ready, now);
  SetCondition(status, {.type = "PodScheduled", .holds = true}, now);
}

}  // namespace

void WriteStatus(const PodRecord& record, absl::Time now, Json& pod) {
  Json& status = pod["status"];
  if (!record.is_scheduled) {
    if (record.unschedulable_message.empty()) return;
    SetCondition(status,
                 {.type = "PodScheduled",
                  .holds = false,
                  .reason = "Unschedulable",
                  .message = record.unschedulable_message},
                 now);
    return;
  }
  pod["spec"]["nodeName"] = std::string(kNodeName);
  const std::string uid = MetaText(pod, "uid");
  Json statuses = Json::array();
  std::vector<std::string> names;
  for (const Json& container : pod["spec"]["containers"]) {
    statuses.push_back(ContainerStatus(record, container, uid));
    names.push_back(container.value("name", ""));
  }
  SetConditions(record, absl::StrJoin(names, " "), now, status);
  status["containerStatuses"] = std::move(statuses);
  status["phase"] = PhaseOf(record);
  status["startTime"] = FormatRfc3339(record.scheduled_at);
  status["hostIP"] = "127.0.0.1";
  if (!record.ip.empty()) {
    status["podIP"] = record.ip;
    status["podIPs"] = Json::array({{{"ip", record.ip}}});
  }
  if (record.exit && record.is_past_deadline) {
    status["reason"] = "DeadlineExceeded";
    status["message"] = "Pod was active on the node longer than the specified deadline";
  }
}

}  // namespace spawner::local
