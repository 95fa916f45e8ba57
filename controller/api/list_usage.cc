#include "controller/api/list_usage.h"

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "controller/api/convert.h"
#include "controller/api/names.h"
#include "controller/core/pod_usage.h"

namespace spawner::api {
namespace {

void Fill(const kube::PodMetricsMap& pods, v1::ListSessionsResponse& response) {
  for (v1::Session& session : *response.mutable_sessions()) {
    if (session.state() == v1::TERMINATED) continue;
    const absl::StatusOr<SessionName> name = ParseSessionName("name", session.name());
    if (!name.ok()) continue;
    const auto found = pods.find({name->ns, session.pod()});
    if (found == pods.end()) continue;
    v1::ResourceUsage& usage = *session.mutable_usage();
    usage.set_cpu_cores(found->second.cpu_cores);
    usage.set_memory_bytes(found->second.memory_bytes);
    *usage.mutable_time() = WriteTime(found->second.time);
  }
}

}  // namespace

void FinishWithUsage(const Edge& edge, const CallPtr& call, const std::string& ns,
                     v1::ListSessionsResponse* response) {
  if (edge.usage() == nullptr) {
    response->set_usage_error(
        "sessions are processes of the controller's machine: its own `top` shows them");
    return call->Finish(absl::OkStatus());
  }
  std::vector<std::string> asked = {ns};
  if (ns.empty()) asked = edge.namespaces();
  if (asked == std::vector<std::string>{"*"}) asked = {""};
  const auto left = std::make_shared<size_t>(asked.size());
  for (const std::string& one : asked) {
    edge.usage()->Ask(one, [call, response, left](const auto& pods) {
      const bool is_last = --*left == 0;
      if (!call->is_open()) return;
      if (pods.ok()) {
        Fill(*pods, *response);
      } else {
        response->set_usage_error(std::string(pods.status().message()));
      }
      if (is_last) call->Finish(absl::OkStatus());
    });
  }
}

}  // namespace spawner::api
