#include "controller/api/sessions.h"

#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/grpc_status.h"
#include "base/status.h"
#include "controller/api/backend_api.h"
#include "controller/api/connect.h"
#include "controller/api/convert.h"
#include "controller/api/explain.h"
#include "controller/api/filter.h"
#include "controller/api/grants.h"
#include "controller/api/limits.h"
#include "controller/api/list_usage.h"
#include "controller/api/logs.h"
#include "controller/api/names.h"
#include "controller/api/watch.h"
#include "controller/core/fairness.h"

namespace spawner::api {
namespace {

// The state of one Connect on its way through the loop. The core takes the order's params.
struct Connecting {
  ConnectOrder order;
  Instant start;
  const v1::ConnectRequest* request;
  v1::ConnectResponse* response;
};
using ConnectingPtr = std::shared_ptr<Connecting>;

std::string StartedFromName(core::StartedFrom from) {
  return absl::AsciiStrToLower(v1::StartedFrom_Name(static_cast<v1::StartedFrom>(from)));
}

void AnswerConnect(Edge& edge, Call& call, const Connecting& connect,
                   const core::ConnectResult& result) {
  if (!edge.http_public_url().empty()) {
    connect.response->set_status_url(BackendUrl(edge.http_public_url(), edge.default_namespace(),
                                                result.session.ns, result.session.id.value,
                                                "status"));
  }
  call.Finish(WriteConnect(connect.order, result, edge.keys(), edge.urls(), edge.clock().WallNow(),
                           *connect.response));
}

void FinishConnect(Edge& edge, LeaderClient& leader, const CallPtr& call,
                   const ConnectingPtr& connect,
                   const absl::StatusOr<core::ConnectResult>& result) {
  const absl::Duration duration = edge.clock().Now() - connect->start;
  const std::string from = result.ok() ? StartedFromName(result->started_from) : "";
  const std::string outcome = result.ok() ? "ok" : ReasonOf(result.status());
  edge.metrics().CountConnect(from, outcome, duration);
  if (!call->is_open()) return;
  if (!result.ok()) {
    if (leader.ShouldForward(result.status(), *call)) {
      return leader.Connect(call, *connect->request, connect->response);
    }
    return call->Finish(result.status());
  }
  // It may live here only: the leader knows of its end first, and by the leader's clock alone
  // grants are signed and taken back.
  if (leader.ShouldAsk(call->context())) {
    return leader.Connect(call, *connect->request, connect->response,
                          [edge = &edge, call, connect, result = *result] {
                            AnswerConnect(*edge, *call, *connect, result);
                          });
  }
  AnswerConnect(edge, *call, *connect, *result);
}

// A quota has no room for what it would start. A retry starts nothing: it gets the answer that its
// request had, or waits for it with it.
void RefuseConnect(Edge& edge, LeaderClient& leader, const CallPtr& call,
                   const ConnectingPtr& connect, const absl::Status& refusal) {
  core::ConnectParams& params = connect->order.params;
  const std::string why = ReasonOf(refusal);
  const bool is_of_start = why == "QUOTA_SESSIONS" || why == "QUOTA_STARTS";
  if (!is_of_start || params.request_id.empty() || edge.service() == nullptr || !call->is_open()) {
    return FinishConnect(edge, leader, call, connect, refusal);
  }
  params.spec.reset();
  edge.service()->Connect(
      std::move(params), [edge = &edge, leader = &leader, call, connect,
                          refusal](const absl::StatusOr<core::ConnectResult>& result) {
        const std::string reason = ReasonOf(result.status());
        const bool is_new = reason == "KEY_NOT_HELD" || reason == "SESSION_ENDING";
        if (is_new) return FinishConnect(*edge, *leader, call, connect, refusal);
        FinishConnect(*edge, *leader, call, connect, result);
      });
}

// Once it is let in: until then nothing has been asked of the core.
void StartConnect(Edge& edge, LeaderClient& leader, const CallPtr& call,
                  const ConnectingPtr& connect,
                  const absl::StatusOr<core::Fairness::Ticket>& ticket) {
  core::Fairness* const fairness = edge.fairness();
  const auto leave = [fairness, id = ticket.value_or(0)] {
    if (fairness != nullptr && id != 0) fairness->Leave(id);
  };
  if (!ticket.ok()) return RefuseConnect(edge, leader, call, connect, ticket.status());
  if (!call->is_open()) return leave();  // gone while it waited
  if (edge.service() == nullptr) return call->Finish(edge.NotReady());
  edge.service()->Connect(std::move(connect->order.params),
                          [edge = &edge, leader = &leader, call, connect,
                           leave](const absl::StatusOr<core::ConnectResult>& result) {
                            leave();
                            FinishConnect(*edge, *leader, call, connect, result);
                          });
}

void EnterConnect(Edge& edge, LeaderClient& leader, const CallPtr& call,
                  const ConnectingPtr& connect) {
  if (edge.fairness() == nullptr) return StartConnect(edge, leader, call, connect, 0);
  const core::ConnectParams& params = connect->order.params;
  const absl::Time deadline = absl::FromChrono(call->context().deadline());
  edge.fairness()->Enter({.ns = params.ns,
                          .key = params.key,
                          .has_spec = params.spec.has_value(),
                          .user = params.user,
                          .caller = call->caller() == nullptr ? "" : call->caller()->name,
                          .deadline = edge.clock().Now() + (deadline - edge.clock().WallNow())},
                         [edge = &edge, leader = &leader, call,
                          connect](const absl::StatusOr<core::Fairness::Ticket>& ticket) {
                           StartConnect(*edge, *leader, call, connect, ticket);
                         });
}

absl::StatusOr<core::ListParams> ReadList(const Edge& edge,
                                          const v1::ListSessionsRequest& request) {
  RETURN_IF_ERROR(CheckRequest(request));
  core::ListParams params;
  ASSIGN_OR_RETURN(params.ns, ParseParentOrAll("parent", request.parent()));
  if (!params.ns.empty()) RETURN_IF_ERROR(edge.CheckNamespace(params.ns));
  if (request.page_size() < 0 || request.page_size() > kPageSizeMax) {
    return InvalidField("page_size",
                        absl::StrCat(request.page_size(), " is not within 1 to ", kPageSizeMax,
                                     " (0: the default of ", kPageSizeDefault, ")"));
  }
  params.page_size = request.page_size() == 0 ? kPageSizeDefault : request.page_size();
  RETURN_IF_ERROR(CheckText("page_token", request.page_token(), kPageTokenBytesMax));
  params.page_token = request.page_token();
  RETURN_IF_ERROR(ParseFilter(request.filter(), params));
  return params;
}

// In as many turns as the core takes: others' calls come in between.
void FillPage(Edge& edge, const CallPtr& call, core::ListParams params,
              const v1::ListSessionsRequest& request, v1::ListSessionsResponse* response) {
  if (!call->is_open()) return;
  if (edge.service() == nullptr) return call->Finish(edge.NotReady());
  const absl::StatusOr<core::ListResult> result = edge.service()->List(params);
  if (!result.ok()) return call->Finish(result.status());
  for (const SessionView& view : result->sessions) {
    WriteSession(view, edge.urls(), *response->add_sessions());
  }
  params.page_size -= static_cast<int>(result->sessions.size());
  if (params.page_size <= 0 || result->next_page_token.empty()) {
    response->set_next_page_token(result->next_page_token);
    if (request.with_usage()) return FinishWithUsage(edge, call, params.ns, response);
    return call->Finish(absl::OkStatus());
  }
  params.page_token = result->next_page_token;
  edge.Post([&edge, call, params, request = &request, response] {
    FillPage(edge, call, params, *request, response);
  });
}

absl::StatusOr<core::TerminateParams> ReadTerminate(const Edge& edge,
                                                    const v1::TerminateSessionRequest& request) {
  RETURN_IF_ERROR(CheckRequest(request));
  ASSIGN_OR_RETURN(SessionName name, ParseSessionName("name", request.name()));
  RETURN_IF_ERROR(edge.CheckNamespace(name.ns));
  RETURN_IF_ERROR(CheckText("etag", request.etag(), kEtagBytesMax));
  return core::TerminateParams{.ns = std::move(name.ns),
                               .id = std::move(name.id),
                               .hard = request.hard(),
                               .only_if_idle = request.only_if_idle(),
                               .epoch = {request.epoch()},
                               .etag = request.etag()};
}

absl::StatusOr<SessionName> ReadGet(const Edge& edge, const v1::GetSessionRequest& request) {
  RETURN_IF_ERROR(CheckRequest(request));
  ASSIGN_OR_RETURN(SessionName name, ParseSessionName("name", request.name()));
  RETURN_IF_ERROR(edge.CheckNamespace(name.ns));
  return name;
}

}  // namespace

grpc::ServerUnaryReactor* SessionsService::Connect(grpc::CallbackServerContext* context,
                                                   const v1::ConnectRequest* request,
                                                   v1::ConnectResponse* response) {
  absl::StatusOr<ConnectOrder> order = ReadConnect(*request, edge_.command_image());
  if (order.ok()) {
    if (absl::Status served = edge_.CheckNamespace(order->params.ns); !served.ok()) order = served;
  }
  if (!order.ok()) return StartCall(edge_, context, order.status(), nullptr);
  const auto connect = std::make_shared<Connecting>(
      Connecting{*std::move(order), edge_.clock().Now(), request, response});
  return StartCall(edge_, context, absl::OkStatus(),
                   [this, connect](const CallPtr& call, core::Service&) {
                     EnterConnect(edge_, leader_, call, connect);
                   });
}

grpc::ServerUnaryReactor* SessionsService::GetSession(grpc::CallbackServerContext* context,
                                                      const v1::GetSessionRequest* request,
                                                      v1::Session* response) {
  const absl::StatusOr<SessionName> read = ReadGet(edge_, *request);
  const SessionName name = read.ok() ? *read : SessionName{};
  return StartCall(edge_, context, read.status(),
                   [this, name, request, response](const CallPtr& call, core::Service&) {
                     auto answer = [edge = &edge_, call, name, request, response] {
                       if (edge->service() == nullptr) return call->Finish(edge->NotReady());
                       const auto view =
                           edge->service()->Get(name.ns, name.id, Epoch{request->epoch()});
                       if (view.ok()) WriteSession(*view, edge->urls(), *response);
                       call->Finish(view.status());
                     };
                     if (leader_.ShouldAsk(call->context()))
                       return leader_.Get(call, *request, response, answer);
                     answer();
                   });
}

grpc::ServerUnaryReactor* SessionsService::ListSessions(grpc::CallbackServerContext* context,
                                                        const v1::ListSessionsRequest* request,
                                                        v1::ListSessionsResponse* response) {
  const absl::StatusOr<core::ListParams> read = ReadList(edge_, *request);
  const core::ListParams params = read.ok() ? *read : core::ListParams{};
  return StartCall(edge_, context, read.status(),
                   [this, params, request, response](const CallPtr& call, core::Service&) {
                     auto answer = [edge = &edge_, call, params, request, response] {
                       FillPage(*edge, call, params, *request, response);
                     };
                     if (leader_.ShouldAsk(call->context()))
                       return leader_.List(call, *request, response, answer);
                     answer();
                   });
}

grpc::ServerWriteReactor<v1::WatchSessionsResponse>* SessionsService::WatchSessions(
    grpc::CallbackServerContext* context, const v1::WatchSessionsRequest* request) {
  return StartWatch(edge_, leader_, watch_messages_, context, *request);
}

grpc::ServerUnaryReactor* SessionsService::TerminateSession(
    grpc::CallbackServerContext* context, const v1::TerminateSessionRequest* request,
    v1::Session* response) {
  const absl::StatusOr<core::TerminateParams> read = ReadTerminate(edge_, *request);
  const core::TerminateParams params = read.ok() ? *read : core::TerminateParams{};
  return StartCall(edge_, context, read.status(),
                   [this, params, request, response](const CallPtr& call, core::Service& service) {
                     service.Terminate(params, [edge = &edge_, leader = &leader_, call, request,
                                                response](const absl::StatusOr<SessionView>& view) {
                       if (!call->is_open()) return;
                       if (leader->ShouldForward(view.status(), *call)) {
                         return leader->Terminate(call, *request, response);
                       }
                       if (view.ok()) WriteSession(*view, edge->urls(), *response);
                       call->Finish(view.status());
                     });
                   });
}

grpc::ServerUnaryReactor* SessionsService::ExplainSession(grpc::CallbackServerContext* context,
                                                          const v1::ExplainSessionRequest* request,
                                                          v1::ExplainSessionResponse* response) {
  return StartExplain(edge_, leader_, context, request, response);
}

grpc::ServerUnaryReactor* SessionsService::CreateGrant(grpc::CallbackServerContext* context,
                                                       const v1::CreateGrantRequest* request,
                                                       v1::CreateGrantResponse* response) {
  absl::StatusOr<CreateGrantOrder> read = ReadCreateGrant(*request);
  if (read.ok()) {
    if (absl::Status served = edge_.CheckNamespace(read->params.ns); !served.ok()) read = served;
  }
  const CreateGrantOrder order = read.ok() ? *read : CreateGrantOrder{};
  return StartCall(
      edge_, context, read.status(),
      [this, order, request, response](const CallPtr& call, core::Service& service) {
        service.CreateGrant(
            order.params, [edge = &edge_, leader = &leader_, call, order, request,
                           response](const absl::StatusOr<core::ConnectResult>& result) {
              if (!call->is_open()) return;
              if (leader->ShouldForward(result.status(), *call)) {
                return leader->CreateGrant(call, *request, response);
              }
              if (!result.ok()) return call->Finish(result.status());
              auto answer = [edge, call, order, result = *result, response] {
                call->Finish(WriteCreateGrant(order, result, edge->keys(), edge->urls(),
                                              edge->clock().WallNow(), *response));
              };
              if (leader->ShouldAsk(call->context())) {
                return leader->CreateGrant(call, *request, response, answer);
              }
              answer();
            });
      });
}

grpc::ServerUnaryReactor* SessionsService::RevokeGrant(grpc::CallbackServerContext* context,
                                                       const v1::RevokeGrantRequest* request,
                                                       v1::RevokeGrantResponse* response) {
  absl::StatusOr<core::RevokeParams> read = ReadRevokeGrant(*request);
  if (read.ok()) {
    if (absl::Status served = edge_.CheckNamespace(read->ns); !served.ok()) read = served;
  }
  const core::RevokeParams params = read.ok() ? *read : core::RevokeParams{};
  return StartCall(edge_, context, read.status(),
                   [this, params, request, response](const CallPtr& call, core::Service& service) {
                     service.RevokeGrant(
                         params, [leader = &leader_, call, request,
                                  response](const absl::StatusOr<core::RevokeResult>& result) {
                           if (!call->is_open()) return;
                           if (leader->ShouldForward(result.status(), *call)) {
                             return leader->RevokeGrant(call, *request, response);
                           }
                           if (result.ok()) {
                             for (const std::string& proxy : result->pending_proxies) {
                               response->add_pending_proxies(proxy);
                             }
                           }
                           call->Finish(result.status());
                         });
                   });
}

grpc::ServerWriteReactor<v1::StreamLogsResponse>* SessionsService::StreamLogs(
    grpc::CallbackServerContext* context, const v1::StreamLogsRequest* request) {
  return StartLogs(edge_, leader_, context, *request);
}

}  // namespace spawner::api
