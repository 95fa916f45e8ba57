#include "controller/api/connect.h"

#include <utility>

#include "base/status.h"
#include "controller/api/call.h"
#include "controller/api/convert.h"
#include "controller/api/limits.h"
#include "controller/api/names.h"

namespace spawner::api {

absl::StatusOr<ConnectOrder> ReadConnect(const v1::ConnectRequest& request,
                                         absl::string_view command_image) {
  RETURN_IF_ERROR(CheckRequest(request));
  ConnectOrder order;
  core::ConnectParams& params = order.params;
  ASSIGN_OR_RETURN(params.ns, ParseParent("parent", request.parent()));
  RETURN_IF_ERROR(CheckText("key.name", request.key().name(), kKeyBytesMax));
  RETURN_IF_ERROR(CheckText("key.tag", request.key().tag(), kTagBytesMax));
  if (request.key().name().empty() && !request.key().tag().empty()) {
    return InvalidField("key.tag", "needs a key.name");
  }
  params.key = {.name = request.key().name(), .tag = request.key().tag()};
  if (request.has_spec()) {
    ASSIGN_OR_RETURN(params.spec, ReadSpec(request.spec(), command_image));
  } else if (params.key.name.empty()) {
    return InvalidField("spec", "is missing; without a key there is no session to connect to");
  }
  order.has_grant = request.has_grant();
  ASSIGN_OR_RETURN(order.grant, ReadGrant(request.grant()));
  params.user = order.grant.user;
  if (request.on_mismatch() != v1::ON_MISMATCH_UNSPECIFIED) {
    params.on_mismatch = static_cast<core::OnMismatch>(request.on_mismatch());
  }
  params.wait_until_ready = request.wait_for() == v1::WAIT_FOR_READY;
  RETURN_IF_ERROR(CheckText("request_id", request.request_id(), kRequestIdBytesMax));
  params.request_id = request.request_id();
  if (!params.request_id.empty()) {
    v1::ConnectRequest payload = request;
    payload.clear_request_id();
    params.payload_hash = PayloadHash(payload);
  }
  return order;
}

absl::Status WriteConnect(const ConnectOrder& order, const core::ConnectResult& result,
                          const KeyRing& keys, const SessionUrls& urls, absl::Time wall_now,
                          v1::ConnectResponse& response) {
  const SessionView& session = result.session;
  if (order.has_grant || session.spec->access.token_required) {
    ASSIGN_OR_RETURN(SignedGrant made, Sign(order.grant, result, keys, wall_now));
    response.set_token(std::move(made.token));
  }
  WriteSession(session, urls, *response.mutable_session());
  response.set_created(result.created);
  response.set_started_from(static_cast<v1::StartedFrom>(result.started_from));
  response.set_url(urls.UrlOf(session.id, response.token()));
  return absl::OkStatus();
}

}  // namespace spawner::api
