#include "proxy/link/codec.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/address.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/origin.h"
#include "base/status.h"
#include "proxy/link/limits.h"
#include "proxy/route/revocation.h"
#include "spawner/v1/session.pb.h"

namespace spawner::proxy {
namespace {

// Numbers of a newer contract have no name here: the reader sees the number.
std::string NameOf(const std::string& known, int number) {
  return known.empty() && number != 0 ? absl::StrCat("REASON_", number) : known;
}

absl::StatusOr<RouteState> StateFromProto(v1::RouteState state) {
  switch (state) {
    case v1::HOLD:
      return RouteState::kHold;
    case v1::OPEN:
      return RouteState::kOpen;
    case v1::GATED:
      return RouteState::kGated;
    case v1::ENDED:
      return RouteState::kEnded;
    default:  // an open enum: proto3 keeps numbers it does not know
      return InvalidField("route.state", absl::StrCat("unknown state ", static_cast<int>(state)));
  }
}

absl::StatusOr<BackendProtocol> ProtocolFromProto(v1::BackendProtocol protocol) {
  switch (protocol) {
    case v1::BACKEND_PROTOCOL_UNSPECIFIED:
    case v1::HTTP1:
      return BackendProtocol::kHttp1;
    case v1::H2C:
      return BackendProtocol::kH2c;
    default:  // an open enum: proto3 keeps numbers it does not know
      return InvalidField("route.protocol",
                          absl::StrCat("unknown protocol ", static_cast<int>(protocol)));
  }
}

// What a controller of another version may take for an origin is left out: nobody gets in by it.
std::vector<std::string> OriginsFromProto(
    const v1::Route& route, const google::protobuf::RepeatedPtrField<std::string>& patterns) {
  std::vector<std::string> origins;
  for (const std::string& pattern : patterns) {
    if (CheckOriginPattern(pattern).ok() && origins.size() < kOriginsMax) {
      origins.push_back(pattern);
    } else {
      Log(LogLevel::kWarning, "origin_refused", {{"session", route.session_id()}});
    }
  }
  return origins;
}

absl::Status ReadRevocations(const v1::Route& proto, Route& route) {
  if (proto.revoked_grants_size() > kRevokedMax) {
    return InvalidField("route.revoked_grants", "too many");
  }
  for (const std::string& id : proto.revoked_grants()) route.revoked.push_back(HashOfGrant(id));
  std::sort(route.revoked.begin(), route.revoked.end());
  if (proto.has_not_issued_before()) {
    route.not_issued_before = SecondOf(TimeFromProto(proto.not_issued_before()));
  }
  if (proto.revoked_users_size() > kRevokedMax) {
    return InvalidField("route.revoked_users", "too many");
  }
  for (const v1::UserRevocation& revoked : proto.revoked_users()) {
    const uint32_t user = HashOfUser(revoked.user());
    if (user == 0) {  // nobody's: it takes nothing back, and is no reason to lose the others
      Log(LogLevel::kWarning, "revoked_user_refused", {{"session", proto.session_id()}});
      continue;
    }
    route.revoked_users.push_back({user, SecondOf(TimeFromProto(revoked.not_issued_before()))});
  }
  // Of two users with the same hash the later second counts for both.
  std::sort(route.revoked_users.begin(), route.revoked_users.end(),
            [](const RevokedUser& a, const RevokedUser& b) {
              return a.user != b.user ? a.user < b.user : a.not_issued_before > b.not_issued_before;
            });
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Route> RouteFromProto(const v1::Route& proto) {
  if (!IsDnsLabel(proto.session_id())) return InvalidField("route.session_id", "not a DNS label");
  Route route{.session_id = proto.session_id(), .ns = proto.namespace_(), .epoch = proto.epoch()};
  ASSIGN_OR_RETURN(route.state, StateFromProto(proto.state()));
  if (!proto.ip().empty() || proto.port() != 0) {
    const bool is_v6 = proto.ip().find(':') != std::string::npos;
    const auto address = ParseAddress(is_v6 ? absl::StrCat("[", proto.ip(), "]:", proto.port())
                                            : absl::StrCat(proto.ip(), ":", proto.port()),
                                      /*allow_port_zero=*/false);
    if (!address.ok() || proto.ip().empty()) {
      return InvalidField("route.ip", "not a numeric address with a port from 1 to 65535");
    }
    route.ip = proto.ip();
    route.port = static_cast<uint16_t>(proto.port());
  } else if (route.state == RouteState::kOpen) {
    return InvalidField("route.ip", "an open route needs an address");
  }
  ASSIGN_OR_RETURN(route.protocol, ProtocolFromProto(proto.protocol()));
  if (proto.message().size() > kRouteTextMax) return InvalidField("route.message", "too long");
  route.message = proto.message();
  if (proto.reason() != v1::END_REASON_UNSPECIFIED) {
    route.reason = NameOf(v1::EndReason_Name(proto.reason()), proto.reason());
  }
  if (proto.phase() != v1::START_PHASE_UNSPECIFIED)
    route.phase = v1::StartPhase_Name(proto.phase());
  route.token_required = proto.access().mode() != v1::PUBLIC;
  route.strip_prefix = proto.access().path_prefix() != v1::PATH_PREFIX_KEEP;
  route.allowed_origins = OriginsFromProto(proto, proto.access().allowed_origins());
  route.embed_origins = OriginsFromProto(proto, proto.access().embed_origins());
  route.max_connections = static_cast<uint32_t>(std::max(0, proto.access().max_connections()));
  RETURN_IF_ERROR(ReadRevocations(proto, route));
  if (proto.ignore_paths_size() > kIgnorePathsMax) {
    return InvalidField("route.ignore_paths", "too many");
  }
  route.ignore_paths = {proto.ignore_paths().begin(), proto.ignore_paths().end()};
  // A reason of a newer controller's is not told rather than told wrongly.
  if (proto.ends_as() == v1::IDLE || proto.ends_as() == v1::MAX_LIFETIME) {
    route.ends_at = SecondOf(TimeFromProto(proto.ends_at()));
    route.ends_as_idle = proto.ends_as() == v1::IDLE;
  }
  if (proto.has_hold_timeout()) route.hold_timeout = DurationFromProto(proto.hold_timeout());
  return route;
}

std::vector<VerificationKey> KeysFromProto(
    const google::protobuf::RepeatedPtrField<v1::VerificationKey>& proto) {
  std::vector<VerificationKey> keys;
  for (const v1::VerificationKey& key : proto) {
    if (key.public_key().size() != 32 || keys.size() == kKeysMax) {
      Log(LogLevel::kWarning, "verification_key_refused", {{"kid", key.id()}});
      continue;
    }
    keys.push_back({key.id(), key.public_key(), key.renewal_secret()});
  }
  return keys;
}

absl::Duration DrainFromProto(const v1::Drain& proto) {
  if (!proto.has_deadline()) return absl::InfiniteDuration();
  return std::clamp(DurationFromProto(proto.deadline()), absl::ZeroDuration(), kDrainMax);
}

absl::Duration DurationFromProto(const google::protobuf::Duration& proto) {
  return absl::Seconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

void SetDuration(google::protobuf::Duration& proto, absl::Duration duration) {
  absl::Duration rest;
  proto.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &rest));
  proto.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
}

absl::Time TimeFromProto(const google::protobuf::Timestamp& proto) {
  return absl::FromUnixSeconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

}  // namespace spawner::proxy
