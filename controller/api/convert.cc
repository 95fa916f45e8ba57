#include "controller/api/convert.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/unknown_field_set.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/strings.h"
#include "controller/api/limits.h"
#include "controller/api/names.h"
#include "controller/session/volume_claim.h"

namespace spawner::api {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// The numbers are one contract: a value crosses by a cast.
static_assert(static_cast<int>(SessionState::kTerminated) == v1::TERMINATED);
static_assert(static_cast<int>(StartPhase::kRouting) == v1::ROUTING);
static_assert(static_cast<int>(EndReason::kInternal) == v1::INTERNAL);
static_assert(static_cast<int>(BackendProtocol::kHttp1) == v1::HTTP1);
static_assert(static_cast<int>(BackendProtocol::kH2c) == v1::H2C);

constexpr int64_t kDurationSecondsMax = 315'576'000'000;  // duration.proto

absl::Status CheckKnownAt(const Message& message, absl::string_view path, int depth);

absl::Status CheckEnum(const Message& message, const FieldDescriptor& field,
                       const std::string& at) {
  if (field.is_repeated()) return absl::OkStatus();
  const int value = message.GetReflection()->GetEnumValue(message, &field);
  if (field.enum_type()->FindValueByNumber(value) != nullptr) return absl::OkStatus();
  return UnsupportedField(absl::StrCat(at, " = ", value));
}

absl::Status CheckMember(const Message& message, const FieldDescriptor& field,
                         const std::string& at, int depth) {
  const Reflection& reflection = *message.GetReflection();
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM) return CheckEnum(message, field, at);
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return absl::OkStatus();
  if (!field.is_repeated()) {
    return CheckKnownAt(reflection.GetMessage(message, &field), at, depth + 1);
  }
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    RETURN_IF_ERROR(CheckKnownAt(reflection.GetRepeatedMessage(message, &field, i), at, depth + 1));
  }
  return absl::OkStatus();
}

absl::Status CheckKnownAt(const Message& message, absl::string_view path, int depth) {
  if (depth > kMessageDepthMax) {
    return InvalidField(path, absl::StrCat("nested deeper than ", kMessageDepthMax));
  }
  const Reflection& reflection = *message.GetReflection();
  const auto& unknown = reflection.GetUnknownFields(message);
  if (!unknown.empty()) {
    return UnsupportedField(
        absl::StrCat(path, path.empty() ? "" : ".", "field number ", unknown.field(0).number()));
  }
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const std::string at = absl::StrCat(path, path.empty() ? "" : ".", field->name());
    RETURN_IF_ERROR(CheckMember(message, *field, at, depth));
  }
  return absl::OkStatus();
}

template <typename Map>
std::map<std::string, std::string> ReadMap(const Map& map) {
  return {map.begin(), map.end()};
}

// Leaves `out` at its default if the field is not set.
absl::Status ReadDurationIfSet(absl::string_view field, bool is_set,
                               const google::protobuf::Duration& duration, absl::Duration& out) {
  if (!is_set) return absl::OkStatus();
  ASSIGN_OR_RETURN(out, ReadDuration(field, duration));
  return absl::OkStatus();
}

absl::Status ReadIdle(const v1::IdlePolicy& idle, IdlePolicy& out) {
  RETURN_IF_ERROR(ReadDurationIfSet("spec.idle.grace", idle.has_grace(), idle.grace(), out.grace));
  out.initial_grace = out.grace;
  RETURN_IF_ERROR(ReadDurationIfSet("spec.idle.initial_grace", idle.has_initial_grace(),
                                    idle.initial_grace(), out.initial_grace));
  out.never = idle.on_idle() == v1::KEEP;
  RETURN_IF_ERROR(ReadDurationIfSet("spec.idle.warn_before", idle.has_warn_before(),
                                    idle.warn_before(), out.warn_before));
  out.ignore_paths = {idle.ignore_paths().begin(), idle.ignore_paths().end()};
  RETURN_IF_ERROR(
      ReadDurationIfSet("spec.idle.hold_max", idle.has_hold_max(), idle.hold_max(), out.hold_max));
  return absl::OkStatus();
}

absl::Status ReadLifetime(const v1::Lifetime& lifetime, Lifetime& out) {
  RETURN_IF_ERROR(
      ReadDurationIfSet("spec.lifetime.max", lifetime.has_max(), lifetime.max(), out.max));
  RETURN_IF_ERROR(ReadDurationIfSet("spec.lifetime.start_timeout", lifetime.has_start_timeout(),
                                    lifetime.start_timeout(), out.start_timeout));
  RETURN_IF_ERROR(ReadDurationIfSet("spec.lifetime.stop_grace", lifetime.has_stop_grace(),
                                    lifetime.stop_grace(), out.stop_grace));
  return ReadDurationIfSet("spec.lifetime.retention", lifetime.has_retention(),
                           lifetime.retention(), out.retention);
}

void ReadAccess(const v1::Access& access, Access& out) {
  out.allowed_origins = {access.allowed_origins().begin(), access.allowed_origins().end()};
  out.embed_origins = {access.embed_origins().begin(), access.embed_origins().end()};
  out.max_connections = access.max_connections();
  out.token_required = access.mode() != v1::PUBLIC;
  out.strip_prefix = access.path_prefix() != v1::PATH_PREFIX_KEEP;
}

absl::StatusOr<std::vector<VolumeClaim>> ReadClaims(const v1::SessionSpec& spec) {
  std::vector<VolumeClaim> claims;
  for (const v1::VolumeClaim& claim : spec.volume_claims()) {
    VolumeClaim& out = claims.emplace_back();
    out.name = claim.name();
    out.mount_path = claim.mount_path();
    out.size = claim.size();
    out.storage_class = claim.storage_class();
    out.access_modes = {claim.access_modes().begin(), claim.access_modes().end()};
    out.is_kept = claim.policy() == v1::CLAIM_POLICY_KEEP;
  }
  return claims;
}

// What a template may fill in, by the names of spawner.dev/spec.
std::set<std::string> FindUnset(const v1::SessionSpec& spec) {
  const v1::IdlePolicy& idle = spec.idle();
  const v1::Lifetime& lifetime = spec.lifetime();
  const v1::Access& access = spec.access();
  const std::pair<const char*, bool> fields[] = {
      {"port", spec.port() != 0},
      {"protocol", spec.protocol() != v1::BACKEND_PROTOCOL_UNSPECIFIED},
      {"grace", idle.has_grace()},
      {"initial_grace", idle.has_initial_grace() || idle.has_grace()},  // grace is its default
      {"hold_max", idle.has_hold_max()},
      {"warn_before", idle.has_warn_before()},
      {"ignore_paths", idle.ignore_paths_size() > 0},
      {"never_idle", static_cast<int>(idle.on_idle()) != 0},
      {"max", lifetime.has_max()},
      {"start_timeout", lifetime.has_start_timeout()},
      {"stop_grace", lifetime.has_stop_grace()},
      {"retention", lifetime.has_retention()},
      {"token_required", static_cast<int>(access.mode()) != 0},
      {"strip_prefix", static_cast<int>(access.path_prefix()) != 0},
      {"allowed_origins", access.allowed_origins_size() > 0},
      {"embed_origins", access.embed_origins_size() > 0},
      {"max_connections", access.max_connections() != 0},
  };
  std::set<std::string> unset;
  for (const auto& [name, is_set] : fields) {
    if (!is_set) unset.insert(name);
  }
  return unset;
}

// A number that no version of ours knows never becomes the default.
absl::Status ReadProtocol(v1::BackendProtocol protocol, BackendProtocol& out) {
  switch (protocol) {
    case v1::BACKEND_PROTOCOL_UNSPECIFIED:
    case v1::HTTP1:
      out = BackendProtocol::kHttp1;
      return absl::OkStatus();
    case v1::H2C:
      out = BackendProtocol::kH2c;
      return absl::OkStatus();
    default:  // an open enum: proto3 keeps numbers it does not know
      return InvalidField("spec.protocol",
                          absl::StrCat("unknown protocol ", static_cast<int>(protocol)));
  }
}

}  // namespace

absl::Status CheckKnown(const Message& message) { return CheckKnownAt(message, "", 0); }

absl::StatusOr<absl::Duration> ReadDuration(absl::string_view field,
                                            const google::protobuf::Duration& duration) {
  const int64_t seconds = duration.seconds();
  const int32_t nanos = duration.nanos();
  if (seconds < 0 || nanos < 0) return InvalidField(field, "must not be negative");
  if (seconds > kDurationSecondsMax || nanos > 999'999'999) {
    return InvalidField(field, "is no valid duration");
  }
  return absl::Seconds(seconds) + absl::Nanoseconds(nanos);
}

absl::StatusOr<SessionSpec> ReadSpec(const v1::SessionSpec& spec, absl::string_view command_image) {
  if (spec.volume_claims_size() > 0 && !command_image.empty()) {
    return UnsupportedField("spec.volume_claims (this is local mode, which has no volumes)");
  }
  SessionSpec out;
  out.template_name = spec.template_();
  out.image = spec.image();
  out.command = {spec.command().begin(), spec.command().end()};
  if (out.image.empty() && out.template_name.empty() && !out.command.empty()) {
    out.image = std::string(command_image);
  }
  out.args = {spec.args().begin(), spec.args().end()};
  out.env = ReadMap(spec.env());
  if (spec.port() < 0 || spec.port() > 65535) {
    return InvalidField("spec.port", absl::StrCat(spec.port(), " is not within 1 to 65535"));
  }
  if (spec.port() != 0) out.port = static_cast<uint16_t>(spec.port());
  out.requests = ReadMap(spec.resources().requests());
  out.limits = ReadMap(spec.resources().limits());
  out.labels = ReadMap(spec.labels());
  if (spec.has_pod_overrides()) {
    std::string json;
    if (!google::protobuf::util::MessageToJsonString(spec.pod_overrides(), &json).ok()) {
      return InvalidField("spec.pod_overrides", "can't be written as JSON");
    }
    out.pod_overrides_json = std::move(json);
  }
  RETURN_IF_ERROR(ReadIdle(spec.idle(), out.idle));
  RETURN_IF_ERROR(ReadLifetime(spec.lifetime(), out.lifetime));
  ReadAccess(spec.access(), out.access);
  RETURN_IF_ERROR(ReadProtocol(spec.protocol(), out.protocol));
  ASSIGN_OR_RETURN(out.volume_claims, ReadClaims(spec));
  if (!out.template_name.empty()) out.unset = FindUnset(spec);
  RETURN_IF_ERROR(ValidateSpec(out, spec.ByteSizeLong()));
  return out;
}

google::protobuf::Duration WriteDuration(absl::Duration duration) {
  google::protobuf::Duration out;
  const int64_t seconds = absl::IDivDuration(duration, absl::Seconds(1), &duration);
  out.set_seconds(std::min(seconds, kDurationSecondsMax));
  out.set_nanos(
      static_cast<int32_t>(seconds > kDurationSecondsMax ? 0 : absl::ToInt64Nanoseconds(duration)));
  return out;
}

google::protobuf::Timestamp WriteTime(absl::Time time) {
  google::protobuf::Timestamp out;
  const int64_t seconds = absl::ToUnixSeconds(time);  // rounded down
  out.set_seconds(seconds);
  out.set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return out;
}

void WriteSpec(const SessionSpec& spec, v1::SessionSpec& out) {
  out.set_template_(spec.template_name);
  out.set_image(spec.image);
  out.mutable_command()->Assign(spec.command.begin(), spec.command.end());
  out.mutable_args()->Assign(spec.args.begin(), spec.args.end());
  out.mutable_env()->insert(spec.env.begin(), spec.env.end());
  out.set_port(spec.port);
  if (!spec.requests.empty() || !spec.limits.empty()) {
    out.mutable_resources()->mutable_requests()->insert(spec.requests.begin(), spec.requests.end());
    out.mutable_resources()->mutable_limits()->insert(spec.limits.begin(), spec.limits.end());
  }
  out.mutable_labels()->insert(spec.labels.begin(), spec.labels.end());
  for (const VolumeClaim& claim : spec.volume_claims) {
    v1::VolumeClaim& added = *out.add_volume_claims();
    added.set_name(claim.name);
    added.set_mount_path(claim.mount_path);
    added.set_size(claim.size);
    added.set_storage_class(claim.storage_class);
    added.mutable_access_modes()->Assign(claim.access_modes.begin(), claim.access_modes.end());
    added.set_policy(claim.is_kept ? v1::CLAIM_POLICY_KEEP : v1::CLAIM_POLICY_DELETE);
  }
  if (!spec.pod_overrides_json.empty()) {
    // Was JSON when it came in; a record that was changed by hand shows none.
    if (!google::protobuf::util::JsonStringToMessage(spec.pod_overrides_json,
                                                     out.mutable_pod_overrides())
             .ok()) {
      out.clear_pod_overrides();
    }
  }
  *out.mutable_idle()->mutable_grace() = WriteDuration(spec.idle.grace);
  *out.mutable_idle()->mutable_initial_grace() = WriteDuration(spec.idle.initial_grace);
  if (spec.idle.warn_before > absl::ZeroDuration()) {
    *out.mutable_idle()->mutable_warn_before() = WriteDuration(spec.idle.warn_before);
  }
  *out.mutable_idle()->mutable_ignore_paths() = {spec.idle.ignore_paths.begin(),
                                                 spec.idle.ignore_paths.end()};
  *out.mutable_idle()->mutable_hold_max() = WriteDuration(spec.idle.hold_max);
  out.mutable_idle()->set_on_idle(spec.idle.never ? v1::KEEP : v1::STOP);
  v1::Lifetime& lifetime = *out.mutable_lifetime();
  if (spec.lifetime.max != absl::InfiniteDuration()) {
    *lifetime.mutable_max() = WriteDuration(spec.lifetime.max);
  }
  *lifetime.mutable_start_timeout() = WriteDuration(spec.lifetime.start_timeout);
  *lifetime.mutable_stop_grace() = WriteDuration(spec.lifetime.stop_grace);
  *lifetime.mutable_retention() = WriteDuration(spec.lifetime.retention);
  out.mutable_access()->set_mode(spec.access.token_required ? v1::TOKEN : v1::PUBLIC);
  out.mutable_access()->set_path_prefix(spec.access.strip_prefix ? v1::PATH_PREFIX_STRIP
                                                                 : v1::PATH_PREFIX_KEEP);
  *out.mutable_access()->mutable_allowed_origins() = {spec.access.allowed_origins.begin(),
                                                      spec.access.allowed_origins.end()};
  *out.mutable_access()->mutable_embed_origins() = {spec.access.embed_origins.begin(),
                                                    spec.access.embed_origins.end()};
  out.mutable_access()->set_max_connections(spec.access.max_connections);
  out.set_protocol(static_cast<v1::BackendProtocol>(spec.protocol));
}

void WriteSession(const SessionView& session, const SessionUrls& urls, v1::Session& out) {
  out.set_name(FormatSessionName(session.ns, session.id));
  if (!session.key.name.empty()) {
    out.mutable_key()->set_name(session.key.name);
    out.mutable_key()->set_tag(session.key.tag);
  }
  out.set_user(session.user);
  out.set_state(static_cast<v1::SessionState>(session.state));
  out.set_phase(static_cast<v1::StartPhase>(session.phase));
  out.set_reason(static_cast<v1::EndReason>(session.reason));
  if (session.exit_code.has_value()) out.set_exit_code(*session.exit_code);
  out.set_message(session.message);
  out.set_epoch(session.epoch.value);
  out.set_url(urls.UrlOf(session.id));
  out.set_pod(session.pod);
  out.set_node(session.node);
  *out.mutable_create_time() = WriteTime(session.create_time);
  const auto write = [](const std::optional<absl::Time>& time, auto mutable_field) {
    if (time.has_value()) *mutable_field() = WriteTime(*time);
  };
  write(session.ready_time, [&out] { return out.mutable_ready_time(); });
  write(session.end_time, [&out] { return out.mutable_end_time(); });
  out.set_connections(session.connections);
  write(session.last_active_time, [&out] { return out.mutable_last_active_time(); });
  write(session.idle_deadline, [&out] { return out.mutable_idle_deadline(); });
  write(session.lifetime_deadline, [&out] { return out.mutable_lifetime_deadline(); });
  for (const SessionCondition& condition : session.conditions) {
    v1::Condition& added = *out.add_conditions();
    added.set_type(condition.type);
    added.set_status(condition.status);
    added.set_message(condition.message);
    *added.mutable_last_transition_time() = WriteTime(condition.last_transition_time);
  }
  for (const Hold& hold : session.holds) {
    v1::Hold& added = *out.add_holds();
    added.set_owner(hold.owner);
    added.set_reason(hold.reason);
    *added.mutable_create_time() = WriteTime(hold.create_time);
    *added.mutable_expire_time() = WriteTime(hold.expire_time);
  }
  out.mutable_labels()->insert(session.spec->labels.begin(), session.spec->labels.end());
  out.set_etag(session.etag);
  WriteSpec(*session.spec, *out.mutable_spec());
}

}  // namespace spawner::api
