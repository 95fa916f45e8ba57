#include "controller/api/connect.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/util/json_util.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/crypto.h"
#include "base/status.h"
#include "base/token.h"
#include "controller/api/call.h"
#include "controller/api/convert.h"
#include "controller/api/limits.h"
#include "controller/api/names.h"

namespace spawner::api {
namespace {

// The same for the same fields, whatever the order of their maps.
std::string HashOf(v1::ConnectRequest request) {
  request.clear_request_id();
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    request.SerializeWithCachedSizes(&coded);
  }
  return Base32Lower(Sha256(bytes));
}

absl::Status ReadGrant(const v1::ConnectRequest& request, ConnectOrder& order) {
  const v1::GrantSpec& grant = request.grant();
  order.has_grant = request.has_grant();
  if (grant.one_time()) return UnsupportedField("grant.one_time");
  RETURN_IF_ERROR(CheckText("grant.user", grant.user(), kUserBytesMax));
  order.user = grant.user();
  if (grant.has_claims()) {
    if (!google::protobuf::util::MessageToJsonString(grant.claims(), &order.claims_json).ok()) {
      return InvalidField("grant.claims", "can't be written as JSON");
    }
    if (order.claims_json.size() > kClaimsBytesMax) {
      return InvalidField("grant.claims",
                          absl::StrCat(order.claims_json.size(), " bytes of JSON; at most ",
                                       kClaimsBytesMax, " are allowed"));
    }
  }
  order.grant_ttl = kGrantTtlDefault;
  if (!grant.has_ttl()) return absl::OkStatus();
  ASSIGN_OR_RETURN(order.grant_ttl, ReadDuration("grant.ttl", grant.ttl()));
  if (order.grant_ttl < absl::Seconds(1) || order.grant_ttl > kGrantTtlMax) {
    return InvalidField("grant.ttl",
                        absl::StrCat(absl::FormatDuration(order.grant_ttl), " is not within 1s to ",
                                     absl::FormatDuration(kGrantTtlMax)));
  }
  return absl::OkStatus();
}

}  // namespace

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
  RETURN_IF_ERROR(ReadGrant(request, order));
  if (request.on_mismatch() != v1::ON_MISMATCH_UNSPECIFIED) {
    params.on_mismatch = static_cast<core::OnMismatch>(request.on_mismatch());
  }
  params.wait_until_ready = request.wait_for() == v1::WAIT_FOR_READY;
  RETURN_IF_ERROR(CheckText("request_id", request.request_id(), kRequestIdBytesMax));
  params.request_id = request.request_id();
  if (!params.request_id.empty()) params.payload_hash = HashOf(request);
  return order;
}

absl::Status WriteConnect(const ConnectOrder& order, const core::ConnectResult& result,
                          const KeyRing& keys, const SessionUrls& urls, absl::Time wall_now,
                          v1::ConnectResponse& response) {
  const SessionView& session = result.session;
  if (order.has_grant || session.spec.access.token_required) {
    ASSIGN_OR_RETURN(*response.mutable_token(),
                     SignGrant({.id = result.grant_id,
                                .ns = session.ns,
                                .session = session.id,
                                .user = order.user,
                                .claims_json = order.claims_json,
                                .issued_at = wall_now,
                                .expires_at = wall_now + order.grant_ttl},
                               keys.signing));
  }
  WriteSession(session, urls, *response.mutable_session());
  response.set_created(result.created);
  response.set_started_from(static_cast<v1::StartedFrom>(result.started_from));
  response.set_url(urls.UrlOf(session.id, response.token()));
  return absl::OkStatus();
}

}  // namespace spawner::api
