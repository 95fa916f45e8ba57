#include "controller/api/explain.h"

#include <utility>

#include "base/status.h"
#include "controller/api/call.h"
#include "controller/api/convert.h"
#include "controller/api/names.h"
#include "controller/core/explanation.h"

namespace spawner::api {
namespace {

absl::StatusOr<SessionName> ReadExplain(const Edge& edge,
                                        const v1::ExplainSessionRequest& request) {
  RETURN_IF_ERROR(CheckRequest(request));
  ASSIGN_OR_RETURN(SessionName name, ParseSessionName("name", request.name()));
  RETURN_IF_ERROR(edge.CheckNamespace(name.ns));
  return name;
}

void WriteConnection(const route::InspectedConnection& connection, v1::Connection& out) {
  out.set_kind(static_cast<v1::Connection::Kind>(connection.kind));
  *out.mutable_age() = WriteDuration(connection.age);
  *out.mutable_idle_for() = WriteDuration(connection.idle_for);
  out.set_bytes(connection.bytes);
  out.set_peer(connection.peer);
  out.set_user(connection.user);
  out.set_ignored(connection.is_ignored);
}

void WriteProxy(const core::Explanation::Proxy& proxy,
                v1::ExplainSessionResponse::ProxyCount& out) {
  const route::ProxyUsage& usage = proxy.usage;
  out.set_proxy(usage.proxy);
  out.set_open(usage.usage.open);
  out.set_lost(usage.link == 0);
  out.set_held(usage.usage.held);
  out.set_opened_total(usage.usage.opened_total);
  out.set_bytes_total(usage.usage.bytes_total);
  if (usage.usage.opened_total > 0) {
    *out.mutable_idle_for() = WriteDuration(usage.usage.idle_for);
  }
  for (const route::InspectedConnection& connection : proxy.connections) {
    WriteConnection(connection, *out.add_connections());
  }
}

void WriteExplanation(const core::Explanation& explanation, const SessionUrls& urls,
                      v1::ExplainSessionResponse& out) {
  WriteSession(explanation.session, urls, *out.mutable_session());
  for (const std::string& reason : explanation.reasons_alive) out.add_reasons_alive(reason);
  for (const auto& proxy : explanation.proxies) WriteProxy(proxy, *out.add_proxies());
  for (const Transition& step : explanation.transitions) {
    v1::ExplainSessionResponse::Transition& added = *out.add_transitions();
    *added.mutable_time() = WriteTime(step.time);
    added.set_from(static_cast<v1::SessionState>(step.from));
    added.set_to(static_cast<v1::SessionState>(step.to));
    added.set_cause(step.cause);
  }
  out.set_verdict(explanation.verdict);
  for (const kube::PodEvent& event : explanation.events) {
    v1::PodEvent& added = *out.add_events();
    *added.mutable_time() = WriteTime(event.time);
    added.set_type(event.type);
    added.set_reason(event.reason);
    added.set_message(event.message);
    added.set_count(event.count);
  }
  out.set_events_error(std::string(explanation.events_status.message()));
}

}  // namespace

grpc::ServerUnaryReactor* StartExplain(Edge& edge, LeaderClient& leader,
                                       grpc::CallbackServerContext* context,
                                       const v1::ExplainSessionRequest* request,
                                       v1::ExplainSessionResponse* response) {
  const absl::StatusOr<SessionName> read = ReadExplain(edge, *request);
  const SessionName name = read.ok() ? *read : SessionName{};
  return StartCall(
      edge, context, read.status(),
      [&edge, &leader, name, request, response](const CallPtr& call, core::Service&) {
        auto answer = [&edge, call, name, request, response] {
          if (edge.service() == nullptr) return call->Finish(edge.NotReady());
          edge.service()->Explain(
              name.ns, name.id, Epoch{request->epoch()},
              [&edge, call, response](const absl::StatusOr<core::Explanation>& explanation) {
                if (!call->is_open()) return;
                if (explanation.ok()) WriteExplanation(*explanation, edge.urls(), *response);
                call->Finish(explanation.status());
              });
        };
        if (leader.ShouldAsk(call->context())) {
          return leader.Explain(call, *request, response, answer);
        }
        answer();
      });
}

}  // namespace spawner::api
