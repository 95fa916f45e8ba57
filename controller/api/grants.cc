#include "controller/api/grants.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
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

absl::Time WholeSecond(absl::Time time) { return absl::FromUnixSeconds(absl::ToUnixSeconds(time)); }

// As the controller makes them. What is none would only fill the list.
absl::Status CheckGrantId(const std::string& id) {
  const bool has_form =
      id.size() <= kGrantIdBytesMax && std::all_of(id.begin(), id.end(), [](char c) {
        return absl::ascii_isdigit(static_cast<unsigned char>(c)) ||
               absl::ascii_islower(static_cast<unsigned char>(c));
      });
  if (has_form) return absl::OkStatus();
  return InvalidField("grant_id",
                      "is none; it is CreateGrantResponse.grant_id, or \"jti\" of the "
                      "token");
}

}  // namespace

std::string PayloadHash(const google::protobuf::Message& request) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    request.SerializePartialToCodedStream(&coded);
  }
  return Base32Lower(Sha256(bytes));
}

absl::StatusOr<GrantOrder> ReadGrant(const v1::GrantSpec& grant) {
  GrantOrder order;
  order.is_one_time = grant.one_time();
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
  const absl::Duration max = order.is_one_time ? kOneTimeTtlMax : kGrantTtlMax;
  order.ttl = std::min(kGrantTtlDefault, max);
  if (!grant.has_ttl()) return order;
  ASSIGN_OR_RETURN(order.ttl, ReadDuration("grant.ttl", grant.ttl()));
  if (order.ttl < absl::Seconds(1) || order.ttl > max) {
    return InvalidField(
        "grant.ttl",
        absl::StrCat(absl::FormatDuration(order.ttl), " is not within 1s to ",
                     absl::FormatDuration(max), order.is_one_time ? ", of a one-time token" : ""));
  }
  return order;
}

absl::StatusOr<SignedGrant> Sign(const GrantOrder& order, const core::ConnectResult& result,
                                 const KeyRing& keys, absl::Time wall_now) {
  if (order.is_one_time && result.leadership == 0) {
    return WithRetryAfter(
        WithReason(
            absl::UnavailableError(
                "sign a one-time token: no leader is known that could confirm its use; try again"),
            "NO_LEADER"),
        kNotReadyRetry);
  }
  SignedGrant made;
  made.expires_at = WholeSecond(wall_now + order.ttl);
  ASSIGN_OR_RETURN(made.token, SignGrant({.id = result.grant_id,
                                          .ns = result.session.ns,
                                          .session = result.session.id,
                                          .user = order.user,
                                          .claims_json = order.claims_json,
                                          .issued_at = std::max(wall_now, result.issue_not_before),
                                          .expires_at = made.expires_at,
                                          .one_time_in = order.is_one_time ? result.leadership : 0},
                                         keys.signing));
  return made;
}

absl::StatusOr<CreateGrantOrder> ReadCreateGrant(const v1::CreateGrantRequest& request) {
  RETURN_IF_ERROR(CheckRequest(request));
  CreateGrantOrder order;
  ASSIGN_OR_RETURN(SessionName name, ParseSessionName("name", request.name()));
  ASSIGN_OR_RETURN(order.grant, ReadGrant(request.grant()));
  RETURN_IF_ERROR(CheckText("request_id", request.request_id(), kRequestIdBytesMax));
  order.params = {.ns = std::move(name.ns),
                  .id = std::move(name.id),
                  .user = order.grant.user,
                  .request_id = request.request_id()};
  if (!request.request_id().empty()) {
    v1::CreateGrantRequest payload = request;
    payload.clear_request_id();
    order.params.payload_hash = PayloadHash(payload);
  }
  return order;
}

absl::Status WriteCreateGrant(const CreateGrantOrder& order, const core::ConnectResult& result,
                              const KeyRing& keys, const SessionUrls& urls, absl::Time wall_now,
                              v1::CreateGrantResponse& response) {
  ASSIGN_OR_RETURN(SignedGrant made, Sign(order.grant, result, keys, wall_now));
  response.set_grant_id(result.grant_id);
  response.set_url(urls.UrlOf(result.session.id, made.token));
  response.set_token(std::move(made.token));
  *response.mutable_expire_time() = WriteTime(made.expires_at);
  return absl::OkStatus();
}

absl::StatusOr<core::RevokeParams> ReadRevokeGrant(const v1::RevokeGrantRequest& request) {
  RETURN_IF_ERROR(CheckRequest(request));
  ASSIGN_OR_RETURN(SessionName name, ParseSessionName("name", request.name()));
  const int given =
      (request.grant_id().empty() ? 0 : 1) + (request.user().empty() ? 0 : 1) + request.all();
  if (given != 1) {
    return InvalidField("grant_id", "exactly one of grant_id, user and all has to be set");
  }
  RETURN_IF_ERROR(CheckGrantId(request.grant_id()));
  RETURN_IF_ERROR(CheckText("user", request.user(), kUserBytesMax));
  return core::RevokeParams{.ns = std::move(name.ns),
                            .id = std::move(name.id),
                            .grant_id = request.grant_id(),
                            .user = request.user(),
                            .all = request.all()};
}

}  // namespace spawner::api
