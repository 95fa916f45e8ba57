// Sessions: what keeps a session alive, and who waits for it.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "controller/api/convert.h"
#include "controller/api/limits.h"
#include "controller/api/names.h"
#include "controller/api/sessions.h"

namespace spawner::api {
namespace {

absl::StatusOr<core::KeepAliveParams> ReadKeepAlive(const Edge& edge,
                                                    const v1::KeepAliveRequest& request) {
  RETURN_IF_ERROR(CheckRequest(request));
  ASSIGN_OR_RETURN(SessionName name, ParseSessionName("name", request.name()));
  RETURN_IF_ERROR(edge.CheckNamespace(name.ns));
  if (request.owner().empty()) {
    return InvalidField("owner", "is missing; say who holds the session, such as \"export-job\"");
  }
  RETURN_IF_ERROR(CheckText("owner", request.owner(), kHoldOwnerBytesMax));
  RETURN_IF_ERROR(CheckText("reason", request.reason(), kHoldReasonBytesMax));
  if (!request.has_ttl()) return InvalidField("ttl", "is missing; 0 releases the hold");
  ASSIGN_OR_RETURN(const absl::Duration ttl, ReadDuration("ttl", request.ttl()));
  return core::KeepAliveParams{.ns = std::move(name.ns),
                               .id = std::move(name.id),
                               .owner = request.owner(),
                               .reason = request.reason(),
                               .ttl = ttl,
                               .epoch = {request.epoch()}};
}

absl::StatusOr<core::WaitParams> ReadWait(const Edge& edge, const v1::WaitSessionRequest& request,
                                          const grpc::CallbackServerContext& context) {
  RETURN_IF_ERROR(CheckRequest(request));
  ASSIGN_OR_RETURN(SessionName name, ParseSessionName("name", request.name()));
  RETURN_IF_ERROR(edge.CheckNamespace(name.ns));
  core::WaitParams params{
      .ns = std::move(name.ns), .id = std::move(name.id), .epoch = {request.epoch()}};
  if (request.states_size() > v1::SessionState_MAX) {
    return InvalidField("states", absl::StrCat(request.states_size(), " of them; name each once"));
  }
  for (const int state : request.states()) {
    if (state == v1::SESSION_STATE_UNSPECIFIED) {
      return InvalidField("states", "has SESSION_STATE_UNSPECIFIED; name a state");
    }
    params.states.push_back(static_cast<SessionState>(state));
  }
  if (params.states.empty()) params.states.push_back(SessionState::kReady);
  params.timeout = kWaitMax;
  if (request.has_timeout()) {
    ASSIGN_OR_RETURN(const absl::Duration timeout, ReadDuration("timeout", request.timeout()));
    params.timeout = std::min(timeout, kWaitMax);
  }
  // Before the call's own deadline, so that its caller reads what it hung in.
  const absl::Duration left = absl::FromChrono(context.deadline()) - edge.clock().WallNow();
  params.timeout = std::min(params.timeout, left - std::min(left / 10, kWaitAnswerSlack));
  params.timeout = std::max(params.timeout, absl::ZeroDuration());
  return params;
}

}  // namespace

grpc::ServerUnaryReactor* SessionsService::KeepAlive(grpc::CallbackServerContext* context,
                                                     const v1::KeepAliveRequest* request,
                                                     v1::KeepAliveResponse* response) {
  const absl::StatusOr<core::KeepAliveParams> read = ReadKeepAlive(edge_, *request);
  const core::KeepAliveParams params = read.ok() ? *read : core::KeepAliveParams{};
  return StartCall(edge_, context, read.status(),
                   [this, params, request, response](const CallPtr& call, core::Service& service) {
                     service.KeepAlive(
                         params, [leader = &leader_, call, request,
                                  response](const absl::StatusOr<core::KeepAliveResult>& result) {
                           if (!call->is_open()) return;
                           if (leader->ShouldForward(result.status(), *call)) {
                             return leader->KeepAlive(call, *request, response);
                           }
                           if (result.ok()) {
                             if (result->expire_time.has_value()) {
                               *response->mutable_expire_time() = WriteTime(*result->expire_time);
                             }
                             response->set_capped(result->is_capped);
                           }
                           call->Finish(result.status());
                         });
                   });
}

grpc::ServerUnaryReactor* SessionsService::WaitSession(grpc::CallbackServerContext* context,
                                                       const v1::WaitSessionRequest* request,
                                                       v1::Session* response) {
  const absl::StatusOr<core::WaitParams> read = ReadWait(edge_, *request, *context);
  const core::WaitParams params = read.ok() ? *read : core::WaitParams{};
  return StartCall(edge_, context, read.status(),
                   [this, params, request, response](const CallPtr& call, core::Service& service) {
                     const core::Service::WaitId wait =
                         service.Wait(params, [edge = &edge_, leader = &leader_, call, request,
                                               response](const absl::StatusOr<SessionView>& view) {
                           if (!call->is_open()) return;
                           if (leader->ShouldForward(view.status(), *call)) {
                             return leader->Wait(call, *request, response);
                           }
                           if (view.ok()) WriteSession(*view, edge->urls(), *response);
                           call->Finish(view.status());
                         });
                     if (wait == 0) return;
                     call->OnFinish([edge = &edge_, wait] {
                       if (edge->service() != nullptr) edge->service()->CancelWait(wait);
                     });
                   });
}

}  // namespace spawner::api
