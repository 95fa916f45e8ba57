#include "cli/output.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "google/protobuf/util/json_util.h"

namespace spawner::cli {
namespace {

constexpr int kIndent = 2;

// The proto3 mapping on one line.
std::string Compact(const google::protobuf::Message& message) {
  std::string text;
  // Only an Any of an unknown type can fail here, and the contract has none.
  if (const auto status = google::protobuf::util::MessageToJsonString(message, &text);
      !status.ok()) {
    return nlohmann::ordered_json{{"error", std::string(status.message())}}.dump();
  }
  return text;
}

using OrderedJson = nlohmann::ordered_json;

void SortKeys(OrderedJson& value) {
  for (OrderedJson& member : value) {
    if (member.is_structured()) SortKeys(member);
  }
  if (!value.is_object()) return;
  std::map<std::string, OrderedJson> sorted;
  for (auto& [key, member] : value.items()) sorted[key] = std::move(member);
  value = OrderedJson::object();
  for (auto& [key, member] : sorted) value[key] = std::move(member);
}

// Fields stay in the order of the .proto file; maps have none and come in another with each
// process: their keys are sorted, so that the same prints the same.
void SortMaps(const google::protobuf::Message& message, OrderedJson& value) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const google::protobuf::FieldDescriptor* field : fields) {
    const auto member = value.find(field->json_name());
    if (member == value.end() || !member->is_structured()) continue;
    const bool is_struct = field->message_type() != nullptr &&
                           field->message_type()->full_name() == "google.protobuf.Struct";
    if (field->is_map() || is_struct) {
      SortKeys(*member);
    } else if (field->is_repeated() && field->message_type() != nullptr) {
      for (size_t n = 0; n < member->size(); ++n) {
        SortMaps(reflection.GetRepeatedMessage(message, field, static_cast<int>(n)), (*member)[n]);
      }
    } else if (!field->is_repeated()) {
      SortMaps(reflection.GetMessage(message, field), *member);
    }
  }
}

OrderedJson Parsed(const google::protobuf::Message& message) {
  OrderedJson value = OrderedJson::parse(Compact(message), nullptr, false);
  if (value.is_object()) SortMaps(message, value);
  return value;
}

// In quotes, unless every reader takes it for a string: YAML 1.1, which kubectl and PyYAML read,
// has no, on and y for booleans, and numbers and times of many forms. (64-bit integers are strings
// in JSON.)
void EmitText(const std::string& text, YAML::Emitter& out) {
  const bool is_word =
      !text.empty() && (absl::ascii_isalpha(static_cast<unsigned char>(text[0])) || text[0] == '/');
  const std::string lower = absl::AsciiStrToLower(text);
  bool looks_typed = !is_word;
  for (const char* word : {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}) {
    looks_typed = looks_typed || lower == word;
  }
  if (looks_typed) out << YAML::DoubleQuoted;
  out << text;
}

void Emit(const nlohmann::ordered_json& value, YAML::Emitter& out) {
  if (value.is_object()) {
    out << YAML::BeginMap;
    for (const auto& [key, member] : value.items()) {
      out << YAML::Key;
      EmitText(key, out);
      out << YAML::Value;
      Emit(member, out);
    }
    out << YAML::EndMap;
  } else if (value.is_array()) {
    out << YAML::BeginSeq;
    for (const auto& element : value) Emit(element, out);
    out << YAML::EndSeq;
  } else if (value.is_string()) {
    EmitText(value.get_ref<const std::string&>(), out);
  } else if (value.is_boolean()) {
    out << value.get<bool>();
  } else if (value.is_null()) {
    out << YAML::Null;
  } else {
    out << value.dump();
  }
}

std::string Colour(absl::string_view state) {
  if (state == "READY") return "\x1b[32m";
  if (state == "TERMINATED") return "\x1b[2m";
  return "\x1b[33m";
}

// What the state alone does not say.
std::string Detail(const v1::Session& session) {
  if (session.reason() != v1::END_REASON_UNSPECIFIED) {
    std::string detail = v1::EndReason_Name(session.reason());
    if (session.has_exit_code()) absl::StrAppend(&detail, " (exit ", session.exit_code(), ")");
    return detail;
  }
  return session.phase() == v1::START_PHASE_UNSPECIFIED ? "-"
                                                        : v1::StartPhase_Name(session.phase());
}

void Line(std::string* out, absl::string_view name, absl::string_view value) {
  absl::StrAppendFormat(out, "%-18s %s\n", absl::StrCat(std::string(name), ":"), Printable(value));
}

void TimeLine(std::string* out, absl::string_view name, bool is_set,
              const google::protobuf::Timestamp& stamp, absl::Time now) {
  if (!is_set) return;
  Line(out, name, When(stamp, now));
}

}  // namespace

absl::StatusOr<Format> ParseFormat(absl::string_view text) {
  if (text == "table") return Format::kTable;
  if (text == "wide") return Format::kWide;
  if (text == "json") return Format::kJson;
  if (text == "yaml") return Format::kYaml;
  if (text == "name") return Format::kName;
  return absl::InvalidArgumentError(
      absl::StrCat("-o: \"", text, "\" is not one of table, wide, json, yaml, name"));
}

std::string ToJson(const google::protobuf::Message& message) {
  return Parsed(message).dump(kIndent) + "\n";
}

std::string ToJsonLine(const google::protobuf::Message& message) { return Compact(message) + "\n"; }

std::string ToYaml(const google::protobuf::Message& message) {
  YAML::Emitter out;
  Emit(Parsed(message), out);
  return absl::StrCat(out.c_str(), "\n");
}

std::string ToJson(const std::vector<Fact>& facts) {
  nlohmann::ordered_json object;
  for (const auto& [name, value] : facts) object[name] = value;
  // Of the environment and files: it need not be UTF-8.
  return object.dump(kIndent, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string ToYaml(const std::vector<Fact>& facts) {
  YAML::Emitter out;
  nlohmann::ordered_json object;
  for (const auto& [name, value] : facts) object[name] = value;
  Emit(object, out);
  return absl::StrCat(out.c_str(), "\n");
}

std::string Printable(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    if (byte == 0xc2 && next >= 0x80 && next < 0xa0) {  // U+0080 to U+009F: 9B is ESC [
      absl::StrAppendFormat(&out, "\\x%02x", next);
      ++i;
    } else if (byte >= 0x20 && byte != 0x7f) {
      out.push_back(c);
    } else {
      absl::StrAppend(&out, c == '\n' ? "\\n" : absl::StrFormat("\\x%02x", byte));
    }
  }
  return out;
}

std::string OrDash(const std::string& text) { return text.empty() ? "-" : text; }

std::string ToTable(const std::vector<std::vector<std::string>>& rows, bool use_colour) {
  std::vector<std::vector<std::string>> cells = rows;
  std::vector<size_t> widths;
  for (auto& row : cells) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) {
      row[i] = Printable(row[i]);
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string out;
  for (size_t r = 0; r < cells.size(); ++r) {
    size_t spaces = 0;  // written with the next cell: no line ends in spaces
    for (size_t i = 0; i < cells[r].size(); ++i) {
      const std::string& cell = cells[r][i];
      const bool is_coloured = use_colour && r > 0 && i < cells[0].size() && cells[0][i] == "STATE";
      if (!cell.empty()) out.append(std::exchange(spaces, 0), ' ');
      if (is_coloured) absl::StrAppend(&out, Colour(cell));
      absl::StrAppend(&out, cell);
      if (is_coloured) absl::StrAppend(&out, "\x1b[0m");
      spaces += widths[i] - cell.size() + 2;
    }
    out.push_back('\n');
  }
  return out;
}

std::string IdOf(const v1::Session& session) {
  return session.name().substr(session.name().rfind('/') + 1);
}

std::vector<std::vector<std::string>> SessionRows(const std::vector<v1::Session>& sessions,
                                                  bool is_wide, absl::Time now) {
  std::vector<std::vector<std::string>> rows = {
      {"ID", "KEY", "STATE", "DETAIL", "CONNECTIONS", "AGE"}};
  if (is_wide) rows[0].insert(rows[0].end(), {"EPOCH", "POD", "NODE", "URL"});
  for (const v1::Session& session : sessions) {
    std::vector<std::string> row = {IdOf(session),
                                    OrDash(session.key().name()),
                                    v1::SessionState_Name(session.state()),
                                    Detail(session),
                                    absl::StrCat(session.connections()),
                                    Age(now - TimeOf(session.create_time()))};
    if (is_wide) {
      row.insert(row.end(), {absl::StrCat(session.epoch()), OrDash(session.pod()),
                             OrDash(session.node()), OrDash(session.url())});
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string Describe(const v1::Session& session, absl::Time now) {
  std::string out;
  Line(&out, "Name", session.name());
  Line(&out, "Key", OrDash(session.key().name()));
  if (!session.key().tag().empty()) Line(&out, "Tag", session.key().tag());
  Line(&out, "State", v1::SessionState_Name(session.state()));
  if (session.phase() != v1::START_PHASE_UNSPECIFIED) {
    Line(&out, "Phase", v1::StartPhase_Name(session.phase()));
  }
  if (session.reason() != v1::END_REASON_UNSPECIFIED) {
    Line(&out, "Reason", v1::EndReason_Name(session.reason()));
  }
  if (session.has_exit_code()) Line(&out, "Exit code", absl::StrCat(session.exit_code()));
  if (!session.message().empty()) Line(&out, "Message", session.message());
  Line(&out, "URL", OrDash(session.url()));
  Line(&out, "Epoch", absl::StrCat(session.epoch()));
  Line(&out, "Pod", OrDash(session.pod()));
  Line(&out, "Node", OrDash(session.node()));
  Line(&out, "Connections", absl::StrCat(session.connections()));
  TimeLine(&out, "Created", session.has_create_time(), session.create_time(), now);
  TimeLine(&out, "Ready", session.has_ready_time(), session.ready_time(), now);
  TimeLine(&out, "Last active", session.has_last_active_time(), session.last_active_time(), now);
  TimeLine(&out, "Ends as idle", session.has_idle_deadline(), session.idle_deadline(), now);
  TimeLine(&out, "Lifetime ends", session.has_lifetime_deadline(), session.lifetime_deadline(),
           now);
  TimeLine(&out, "Ended", session.has_end_time(), session.end_time(), now);
  for (const auto& [name, value] : session.labels()) {
    Line(&out, "Label", absl::StrCat(name, "=", value));
  }
  for (const v1::Condition& condition : session.conditions()) {
    Line(&out, "Condition",
         absl::StrCat(condition.type(), "=", condition.status() ? "true" : "false", " ",
                      condition.message()));
  }
  return out;
}

std::string DescribeStatus(const v1::GetStatusResponse& status, absl::Time now) {
  std::string out;
  Line(&out, "Controller",
       absl::StrCat(status.controller_id(), " ", status.version(),
                    status.is_leader() ? " (leads)" : " (stands by)"));
  Line(&out, "Leader",
       status.leader_id().empty()
           ? std::string("none: an election takes some seconds")
           : absl::StrCat(status.leader_id(), " at ", status.leader_address(), ", leadership ",
                          status.leadership()));
  Line(&out, "Kubernetes",
       status.kubernetes_reachable()
           ? status.kubernetes()
           : absl::StrCat(status.kubernetes(), ": not reachable: ", status.kubernetes_error()));
  TimeLine(&out, "Started", status.has_start_time(), status.start_time(), now);
  for (const std::string& ns : status.namespaces()) Line(&out, "Namespace", ns);
  for (const auto& [state, count] : status.sessions_by_state()) {
    Line(&out, "Sessions", absl::StrCat(count, " ", state));
  }
  if (status.proxies().empty()) {
    Line(&out, "Proxies",
         status.is_leader() ? "none has connected"
                            : "none has connected, or the leader does not answer");
  }
  for (const v1::ProxyStatus& proxy : status.proxies()) {
    const std::string link =
        proxy.connected()
            ? std::string("connected")
            : absl::StrCat("lost for ", Age(absl::Seconds(proxy.lost_for().seconds())));
    Line(&out, "Proxy",
         absl::StrCat(proxy.id(), " ", proxy.version(), ": ", link, ", ", proxy.connections(),
                      " open, routes at version ", proxy.route_version()));
  }
  return out;
}

}  // namespace spawner::cli
