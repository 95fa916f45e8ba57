#include "proxy/forward/access_record.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proxy/forward/limits.h"

namespace spawner::proxy {
namespace {

void AppendString(absl::string_view key, absl::string_view value, std::string* out) {
  absl::StrAppend(out, ",\"", key, "\":\"");
  size_t length = 0;
  for (const char c : value) {
    if (++length > kLoggedTextMax) {
      out->append("...");
      break;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out->append({'\\', c});
    } else if (byte < 0x20 || byte >= 0x7f) {
      absl::StrAppendFormat(out, "\\u%04x", byte);  // as Latin-1: the line stays valid UTF-8
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

void AppendMilliseconds(absl::string_view key, absl::Duration duration, std::string* out) {
  const int64_t microseconds = absl::ToInt64Microseconds(duration);
  absl::StrAppend(out, ",\"", key, "\":", microseconds / 1000, ".",
                  absl::Dec(microseconds % 1000, absl::kZeroPad3));
}

// RFC 3339, in UTC.
void AppendTime(absl::Time at, std::string* out) {
  const absl::TimeZone::CivilInfo civil = absl::UTCTimeZone().At(at);
  const auto two = [](int value) { return absl::Dec(value, absl::kZeroPad2); };
  const absl::CivilSecond& second = civil.cs;
  absl::StrAppend(out, absl::Dec(second.year(), absl::kZeroPad4), "-", two(second.month()), "-",
                  two(second.day()));
  absl::StrAppend(out, "T", two(second.hour()), ":", two(second.minute()), ":",
                  two(second.second()));
  absl::StrAppend(out, ".", absl::Dec(absl::ToInt64Milliseconds(civil.subsecond), absl::kZeroPad3),
                  "Z");
}

// A '?' that somebody encoded once too often has a query behind it all the same.
void AppendSegment(absl::string_view segment, std::string* out) {
  const size_t question = std::min(segment.find("%3F"), segment.find("%3f"));
  absl::StrAppend(out, segment.substr(0, question));
  if (question != absl::string_view::npos) absl::StrAppend(out, "%3F*");
}

}  // namespace

std::string WithoutSecrets(absl::string_view target) {
  target = target.substr(0, kLoggedTextMax);
  std::string out;
  bool is_query = false;
  while (!target.empty()) {
    const char first = target.front();
    is_query |= first == '?' || first == '#';
    // ';' begins parameters of a path's segment (RFC 3986 3.3), and separates those of old queries.
    const size_t end = std::min(target.find_first_of(is_query ? "&;#" : "/;?#", 1), target.size());
    absl::string_view piece = target.substr(0, end);
    target.remove_prefix(end);
    if (!is_query && first != ';') {
      AppendSegment(piece, &out);
      continue;
    }
    out.push_back(first);
    piece.remove_prefix(1);
    const size_t equals = piece.find('=');
    // Without a name the whole may be a secret; without a value too: base64 ends in '='.
    if (piece.find_first_not_of('=', std::min(equals, piece.size())) != absl::string_view::npos) {
      absl::StrAppend(&out, piece.substr(0, equals), "=");
    }
    if (!piece.empty()) out.push_back('*');
  }
  return out;
}

void AppendAccessLine(const AccessRecord& record, std::string* out) {
  out->append("{\"time\":\"");
  AppendTime(record.at, out);
  out->push_back('"');
  AppendString("client", record.client, out);
  if (!record.session.empty()) {
    AppendString("session", record.session, out);
    absl::StrAppend(out, ",\"epoch\":", record.epoch);
  }
  if (!record.method.empty()) {
    AppendString("method", record.method, out);
    AppendString("host", record.host, out);
    AppendString("path", record.path, out);
    AppendString("protocol", record.protocol, out);
  }
  absl::StrAppend(out, ",\"tls\":", record.is_secure ? "true" : "false",
                  ",\"status\":", record.status);
  if (!record.reason.empty()) AppendString("reason", record.reason, out);
  absl::StrAppend(out, ",\"bytes_in\":", record.bytes_in, ",\"bytes_out\":", record.bytes_out);
  if (record.was_held) AppendMilliseconds("held_ms", record.held, out);
  if (record.was_sent) AppendMilliseconds("upstream_ms", record.upstream, out);
  AppendMilliseconds("total_ms", record.total, out);
  if (!record.trace.empty()) AppendString("trace", record.trace, out);
  out->append("}\n");
}

}  // namespace spawner::proxy
