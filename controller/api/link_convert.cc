#include "controller/api/link_convert.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/token.h"
#include "controller/api/convert.h"
#include "controller/api/limits.h"
#include "controller/api/names.h"

namespace spawner::api {
namespace {

static_assert(static_cast<int>(route::RouteState::kHold) == v1::HOLD);
static_assert(static_cast<int>(route::RouteState::kEnded) == v1::ENDED);

absl::StatusOr<SessionId> ReadSessionId(absl::string_view field, const std::string& id) {
  if (!IsDnsLabel(id)) return InvalidField(field, "is no session id");
  return SessionId{id};
}

absl::StatusOr<route::Usage> ReadUsage(const v1::Usage& usage) {
  route::Usage out;
  out.is_complete = usage.complete();
  out.sessions.reserve(static_cast<size_t>(usage.sessions_size()));
  for (const v1::SessionUsage& session : usage.sessions()) {
    ASSIGN_OR_RETURN(SessionId id, ReadSessionId("usage.session_id", session.session_id()));
    if (session.open() < 0 || session.held() < 0 || session.held() > session.open()) {
      return InvalidField("usage", absl::StrCat("impossible counts: open ", session.open(),
                                                ", held ", session.held()));
    }
    ASSIGN_OR_RETURN(const absl::Duration idle_for,
                     ReadDuration("usage.idle_for", session.idle_for()));
    out.sessions.push_back({.session = std::move(id),
                            .epoch = {session.epoch()},
                            .open = session.open(),
                            .held = session.held(),
                            .opened_total = session.opened_total(),
                            .bytes_total = session.bytes_total(),
                            .idle_for = idle_for});
  }
  return out;
}

absl::StatusOr<route::FromProxy> ReadHello(const v1::Hello& hello) {
  if (hello.proxy_id().empty()) return InvalidField("hello.proxy_id", "is missing");
  RETURN_IF_ERROR(CheckText("hello.proxy_id", hello.proxy_id(), kProxyIdBytesMax));
  RETURN_IF_ERROR(CheckText("hello.pod_uid", hello.pod_uid(), kProxyIdBytesMax));
  RETURN_IF_ERROR(CheckText("hello.pod_name", hello.pod_name(), 2 * kProxyIdBytesMax));
  RETURN_IF_ERROR(CheckText("hello.pod_namespace", hello.pod_namespace(), kProxyIdBytesMax));
  RETURN_IF_ERROR(CheckText("hello.version", hello.version(), kProxyIdBytesMax));
  ASSIGN_OR_RETURN(route::Usage usage, ReadUsage(hello.usage()));
  return route::Hello{.proxy_id = hello.proxy_id(),
                      .generation = hello.generation(),
                      .pod_uid = hello.pod_uid(),
                      .pod_name = hello.pod_name(),
                      .pod_namespace = hello.pod_namespace(),
                      .version = hello.version(),
                      .leadership = hello.leadership(),
                      .route_version = hello.route_version(),
                      .usage = std::move(usage)};
}

absl::StatusOr<route::FromProxy> ReadAck(const v1::Ack& ack) {
  route::Ack out{.leadership = ack.leadership(), .version = ack.version()};
  out.gates.reserve(static_cast<size_t>(ack.gates_size()));
  for (const v1::GateCount& gate : ack.gates()) {
    ASSIGN_OR_RETURN(SessionId id, ReadSessionId("ack.gates.session_id", gate.session_id()));
    if (gate.open() < 0 || gate.waiting() < 0) {
      return InvalidField("ack.gates", absl::StrCat("impossible counts: open ", gate.open(),
                                                    ", waiting ", gate.waiting()));
    }
    out.gates.push_back({.session = std::move(id),
                         .epoch = {gate.epoch()},
                         .gate_version = gate.gate_version(),
                         .open = gate.open(),
                         .waiting = gate.waiting()});
  }
  return out;
}

absl::StatusOr<route::FromProxy> ReadInspected(const v1::Inspected& inspected) {
  if (inspected.connections_size() > kInspectedMax) {
    return InvalidField("inspected.connections", absl::StrCat(inspected.connections_size(),
                                                              " are more than were asked for"));
  }
  route::Inspected out{.sequence = inspected.sequence(), .connections = {}};
  for (const v1::Connection& connection : inspected.connections()) {
    ASSIGN_OR_RETURN(const absl::Duration age, ReadDuration("inspected.age", connection.age()));
    ASSIGN_OR_RETURN(const absl::Duration idle_for,
                     ReadDuration("inspected.idle_for", connection.idle_for()));
    RETURN_IF_ERROR(CheckText("inspected.peer", connection.peer(), kPeerBytesMax));
    RETURN_IF_ERROR(CheckText("inspected.user", connection.user(), kUserBytesMax));
    out.connections.push_back({.kind = connection.kind(),
                               .age = age,
                               .idle_for = idle_for,
                               .bytes = connection.bytes(),
                               .peer = connection.peer(),
                               .user = connection.user(),
                               .is_ignored = connection.ignored()});
  }
  return out;
}

absl::StatusOr<route::FromProxy> ReadUseToken(const v1::UseToken& token) {
  route::UseToken out = {.sequence = token.sequence(), .leadership = token.leadership()};
  ASSIGN_OR_RETURN(out.session, ReadSessionId("use_token.session_id", token.session_id()));
  RETURN_IF_ERROR(CheckText("use_token.grant_id", token.grant_id(), kGrantIdBytesMax));
  out.grant_id = token.grant_id();
  out.expires_at = absl::FromUnixSeconds(token.expire_time().seconds());
  return route::FromProxy(std::move(out));
}

absl::StatusOr<route::FromProxy> ReadHold(const v1::HoldRequest& hold) {
  ASSIGN_OR_RETURN(SessionId id, ReadSessionId("hold.session_id", hold.session_id()));
  RETURN_IF_ERROR(CheckText("hold.reason", hold.reason(), kHoldReasonBytesMax));
  ASSIGN_OR_RETURN(const absl::Duration ttl, ReadDuration("hold.ttl", hold.ttl()));
  return route::HoldRequest{.sequence = hold.sequence(),
                            .session = std::move(id),
                            .epoch = {hold.epoch()},
                            .ttl = ttl,
                            .reason = hold.reason()};
}

void WriteRoute(const route::Route& route, v1::Route& out) {
  out.set_session_id(route.session.value);
  out.set_epoch(route.epoch.value);
  out.set_state(static_cast<v1::RouteState>(route.state));
  out.set_ip(route.ip);
  out.set_port(route.port);
  out.set_reason(static_cast<v1::EndReason>(route.reason));
  if (route.message.has_value()) out.set_message(*route.message);
  const route::RoutePolicy& policy = *route.policy;
  out.set_protocol(static_cast<v1::BackendProtocol>(policy.protocol));
  out.mutable_access()->set_mode(policy.token_required ? v1::TOKEN : v1::PUBLIC);
  out.mutable_access()->set_path_prefix(policy.strip_prefix ? v1::PATH_PREFIX_STRIP
                                                            : v1::PATH_PREFIX_KEEP);
  *out.mutable_access()->mutable_allowed_origins() = {policy.allowed_origins.begin(),
                                                      policy.allowed_origins.end()};
  *out.mutable_access()->mutable_embed_origins() = {policy.embed_origins.begin(),
                                                    policy.embed_origins.end()};
  out.mutable_access()->set_max_connections(policy.max_connections);
  out.set_phase(static_cast<v1::StartPhase>(route.phase));
  out.set_namespace_(policy.ns);
  *out.mutable_ignore_paths() = {policy.ignore_paths.begin(), policy.ignore_paths.end()};
  if (route.near_end.has_value()) {
    *out.mutable_ends_at() = WriteTime(route.near_end->at);
    out.set_ends_as(static_cast<v1::EndReason>(route.near_end->as));
  }
  *out.mutable_hold_timeout() = WriteDuration(policy.hold_timeout);
  if (!route.revoked.has_value()) return;
  for (const std::string& id : route.revoked->grants) out.add_revoked_grants(id);
  for (const auto& [user, second] : route.revoked->users) {
    v1::UserRevocation& revoked = *out.add_revoked_users();
    revoked.set_user(user);
    *revoked.mutable_not_issued_before() = WriteTime(second);
  }
  if (route.revoked->not_issued_before.has_value()) {
    *out.mutable_not_issued_before() = WriteTime(*route.revoked->not_issued_before);
  }
}

template <typename Keys>
void WriteKeys(const LinkExtras& extras, Keys& out) {
  if (extras.keys == nullptr) return;
  for (const VerificationKey& key : *extras.keys) {
    v1::VerificationKey& added = *out.add_keys();
    added.set_id(key.id);
    added.set_public_key(key.public_key);
    added.set_renewal_secret(key.renewal_secret);
  }
}

// One overload for each message.
struct Writer {
  const LinkExtras& extras;
  v1::ControllerMessage& out;

  void operator()(const route::Welcome& welcome) const {
    v1::Welcome& message = *out.mutable_welcome();
    message.set_controller_id(welcome.controller_id);
    message.set_leadership(welcome.leadership);
    *message.mutable_now() = WriteTime(extras.wall_now);
    *message.mutable_heartbeat_interval() = WriteDuration(welcome.heartbeat_interval);
    WriteKeys(extras, message);
  }
  void operator()(const route::UseTokenAnswer& answer) const {
    out.mutable_use_token()->set_sequence(answer.sequence);
    out.mutable_use_token()->set_is_first_use(answer.is_first_use);
  }
  void operator()(const route::KeysChanged&) const { WriteKeys(extras, *out.mutable_keys()); }
  void operator()(const route::Routes& routes) const {
    v1::Routes& message = *out.mutable_routes();
    message.set_snapshot(routes.is_snapshot);
    message.set_last(routes.is_last);
    message.set_version(routes.version);
    for (const route::Route& route : routes.routes) WriteRoute(route, *message.add_routes());
    for (const SessionId& id : routes.removed) message.add_removed(id.value);
  }
  void operator()(const route::RouteUnknown& unknown) const {
    out.mutable_unknown()->set_session_id(unknown.session.value);
  }
  void operator()(const route::ControllerHeartbeat& heartbeat) const {
    out.mutable_heartbeat()->set_sequence(heartbeat.sequence);
    *out.mutable_heartbeat()->mutable_now() = WriteTime(extras.wall_now);
  }
  void operator()(const route::Inspect& inspect) const {
    out.mutable_inspect()->set_sequence(inspect.sequence);
    out.mutable_inspect()->set_session_id(inspect.session.value);
    out.mutable_inspect()->set_connections_max(inspect.connections_max);
  }
  void operator()(const route::Drain& drain) const {
    v1::Drain& message = *out.mutable_drain();
    if (drain.deadline.has_value()) *message.mutable_deadline() = WriteDuration(*drain.deadline);
  }
  void operator()(const route::HoldAnswer& answer) const {
    v1::HoldAnswer& message = *out.mutable_hold();
    message.set_sequence(answer.sequence);
    if (answer.ttl.has_value()) *message.mutable_ttl() = WriteDuration(*answer.ttl);
    message.set_refusal(answer.refusal);
    message.set_code(answer.code);
  }
  void operator()(const route::NotLeader& not_leader) const {
    out.mutable_not_leader()->set_leader_address(not_leader.leader_address);
    out.mutable_not_leader()->set_leadership(not_leader.leadership);
  }
};

}  // namespace

absl::StatusOr<route::FromProxy> ReadFromProxy(const v1::ProxyMessage& message) {
  switch (message.message_case()) {
    case v1::ProxyMessage::kHello:
      return ReadHello(message.hello());
    case v1::ProxyMessage::kAck:
      return ReadAck(message.ack());
    case v1::ProxyMessage::kUsage: {
      ASSIGN_OR_RETURN(route::Usage usage, ReadUsage(message.usage()));
      return route::FromProxy(std::move(usage));
    }
    case v1::ProxyMessage::kQuery: {
      // Any host a client names ends up here: an id that can't be one is asked for all the same,
      // and no session has it.
      RETURN_IF_ERROR(CheckText("query.session_id", message.query().session_id(), 63));
      return route::Query{SessionId{message.query().session_id()}};
    }
    case v1::ProxyMessage::kHeartbeat:
      return route::ProxyHeartbeat{message.heartbeat().sequence()};
    case v1::ProxyMessage::kUseToken:
      return ReadUseToken(message.use_token());
    case v1::ProxyMessage::kLeaving:
      return route::Leaving{};
    case v1::ProxyMessage::kHold:
      return ReadHold(message.hold());
    case v1::ProxyMessage::kInspected:
      return ReadInspected(message.inspected());
    case v1::ProxyMessage::MESSAGE_NOT_SET:
      break;
  }
  return InvalidField("message", "is empty, or of a kind that this controller does not know");
}

void WriteToProxy(const route::ToProxy& message, const LinkExtras& extras,
                  v1::ControllerMessage& out) {
  std::visit(Writer{extras, out}, message);
}

}  // namespace spawner::api
