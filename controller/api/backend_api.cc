#include "controller/api/backend_api.h"

#include <google/protobuf/util/time_util.h>

#include <iterator>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"

namespace spawner::api {
namespace {

constexpr const char* kFields[] = {"image", "port", "env", "gracePeriodSeconds", "command", "args"};
constexpr size_t kQuoteBytesMax = 512;
constexpr char kAllowed[] =
    "allowed are image, port, env, gracePeriodSeconds, command and args; the rest of a session's "
    "spec is set with gRPC (spawner.v1.Sessions/Connect) or `spawnctl connect`";

// Nobody has to be told why it is over.
bool IsSweep(v1::EndReason reason) {
  switch (reason) {
    case v1::IDLE:
    case v1::IDLE_UNCONFIRMED:
    case v1::REQUESTED:
    case v1::MAX_LIFETIME:
    case v1::EXITED:
    case v1::REPLACED:
      return true;
    default:
      return false;
  }
}

const google::protobuf::Timestamp* TimeOf(BackendState state, const v1::Session& session) {
  if (state == BackendState::kSubmitted) return &session.create_time();
  if (state == BackendState::kReady && session.has_ready_time()) return &session.ready_time();
  if (IsEnd(state) && session.has_end_time()) return &session.end_time();
  return nullptr;
}

std::optional<std::string> Decode(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i] == '+' ? ' ' : text[i]);
      continue;
    }
    const absl::string_view hex = text.substr(i + 1, 2);
    if (hex.size() < 2 || !absl::ascii_isxdigit(hex[0]) || !absl::ascii_isxdigit(hex[1])) {
      return std::nullopt;
    }
    out += absl::HexStringToBytes(hex);
    i += 2;
  }
  return out;
}

}  // namespace

absl::string_view Name(BackendState state) {
  constexpr const char* kNames[] = {"Submitted", "Constructed", "Scheduled", "Running",
                                    "Ready",     "Swept",       "Failed"};
  const size_t index = static_cast<size_t>(state) - 1;
  return index < std::size(kNames) ? kNames[index] : "";
}

BackendState StateOf(const v1::Session& session) {
  switch (session.state()) {
    case v1::STARTING:
      if (session.phase() == v1::PULLING) return BackendState::kScheduled;
      if (session.phase() == v1::STARTED || session.phase() == v1::ROUTING) {
        return BackendState::kRunning;
      }
      return BackendState::kConstructed;
    case v1::READY:
    case v1::DRAINING:
      return BackendState::kReady;
    case v1::TERMINATING:
    case v1::TERMINATED:
      return IsSweep(session.reason()) ? BackendState::kSwept : BackendState::kFailed;
    default:
      return BackendState::kSubmitted;
  }
}

Json StatusJson(absl::string_view id, const v1::Session& session) {
  const BackendState state = StateOf(session);
  Json json = {{"state", std::string(Name(state))}, {"name", std::string(id)}};
  if (const google::protobuf::Timestamp* time = TimeOf(state, session); time != nullptr) {
    json["time"] = google::protobuf::util::TimeUtil::ToString(*time);
  }
  if (session.reason() != v1::END_REASON_UNSPECIFIED) {
    json["reason"] = v1::EndReason_Name(session.reason());
  }
  return json;
}

absl::StatusOr<v1::ConnectRequest> ReadSpawn(absl::string_view ns, absl::string_view body) {
  const absl::StatusOr<Json> json = ParseJson(body);
  if (!json.ok()) return InvalidField("body", json.status().message());
  if (!json->is_object()) return InvalidField("body", "is not a JSON object");
  for (const auto& item : json->items()) {
    bool is_known = false;
    for (const char* field : kFields) is_known |= item.key() == field;
    if (!is_known) {
      return InvalidField(absl::StrCat("\"", absl::CHexEscape(item.key().substr(0, 64)), "\""),
                          absl::StrCat("is no field of POST /spawn; ", kAllowed));
    }
  }
  absl::Status error;
  const JsonReader reader(*json, "", error);
  v1::ConnectRequest request;
  request.set_parent(absl::StrCat("namespaces/", ns));
  v1::SessionSpec& spec = *request.mutable_spec();
  spec.set_image(reader.String("image"));
  const std::optional<int64_t> port = reader.Int("port");
  const std::optional<int64_t> grace = reader.Int("gracePeriodSeconds");
  for (const auto& [name, value] : reader.StringMap("env")) (*spec.mutable_env())[name] = value;
  for (std::string& word : reader.Strings("command")) spec.add_command(std::move(word));
  for (std::string& word : reader.Strings("args")) spec.add_args(std::move(word));
  if (!error.ok()) {  // it may quote a name from the body
    return WithReason(absl::InvalidArgumentError(
                          absl::Utf8SafeCHexEscape(error.message().substr(0, kQuoteBytesMax))),
                      "INVALID_FIELD");
  }
  if (spec.image().empty() && spec.command().empty()) {
    return InvalidField("image", "is missing: which image is to run?");
  }
  if (port.has_value()) {
    if (*port < 1 || *port > 65535) return InvalidField("port", "is not within 1 to 65535");
    spec.set_port(static_cast<int32_t>(*port));
  }
  if (grace.has_value()) {
    if (*grace < 0 || *grace > std::numeric_limits<int32_t>::max()) {
      return InvalidField("gracePeriodSeconds", "is negative, or too large");
    }
    spec.mutable_idle()->mutable_grace()->set_seconds(*grace);
  }
  spec.mutable_access()->set_mode(v1::PUBLIC);
  return request;
}

absl::StatusOr<std::optional<std::string>> OnlyParameter(absl::string_view target,
                                                         absl::string_view name) {
  std::optional<std::string> value;
  const size_t mark = target.find('?');
  if (mark == absl::string_view::npos) return value;
  for (const absl::string_view part : absl::StrSplit(target.substr(mark + 1), '&')) {
    if (part.empty()) continue;
    const std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    if (pair.first != name) {
      return InvalidField(absl::CHexEscape(pair.first.substr(0, 64)),
                          name.empty() ? "no parameters are taken here"
                                       : absl::StrCat("is no parameter; allowed is ", name));
    }
    const std::optional<std::string> decoded = Decode(pair.second);
    if (!decoded.has_value()) return InvalidField(name, "is not percent-encoded");
    if (value.has_value()) return InvalidField(name, "is there twice");
    value = decoded;
  }
  return value;
}

std::string BackendUrl(absl::string_view base, absl::string_view default_ns, absl::string_view ns,
                       absl::string_view id, absl::string_view what) {
  std::string url = absl::StrCat(base, "/backend/", id, "/", what);
  if (ns != default_ns) absl::StrAppend(&url, "?namespace=", ns);
  return url;
}

}  // namespace spawner::api
