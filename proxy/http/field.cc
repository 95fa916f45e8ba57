#include "proxy/http/field.h"

#include <cstring>

#include "absl/strings/match.h"
#include "proxy/http/chars.h"

namespace spawner::proxy {
namespace {

struct Known {
  absl::string_view name;
  FieldName known;
};

// `name`: a token, in which bit 5 makes no difference but that of case for a letter and none that
// `lower` could be taken for otherwise. `lower` is as long: letters, digits, '-' and '_'.
bool IsSameToken(absl::string_view name, absl::string_view lower) {
  for (size_t i = 0; i < lower.size(); ++i) {
    if ((name[i] | 0x20) != (lower[i] | 0x20)) return false;
  }
  return true;
}

FieldName IfEqual(absl::string_view name, std::initializer_list<Known> candidates) {
  for (const Known& candidate : candidates) {
    if (IsSameToken(name, candidate.name)) return candidate.known;
  }
  return FieldName::kOther;
}

HeadError Bad(absl::string_view why) { return {400, why}; }

}  // namespace

FieldName KnownField(absl::string_view name) {
  switch (name.size()) {
    case 2:
      return IfEqual(name, {{"te", FieldName::kTe}});
    case 4:
      return IfEqual(name, {{"host", FieldName::kHost}});
    case 6:
      return IfEqual(name, {{"accept", FieldName::kAccept},
                            {"cookie", FieldName::kCookie},
                            {"expect", FieldName::kExpect}});
    case 7:
      return IfEqual(name, {{"upgrade", FieldName::kUpgrade}});
    case 10:
      return IfEqual(name, {{"connection", FieldName::kConnection},
                            {"keep-alive", FieldName::kKeepAlive},
                            {"tracestate", FieldName::kTracestate}});
    case 11:
      return IfEqual(name, {{"traceparent", FieldName::kTraceparent}});
    case 12:
      return IfEqual(name, {{"content-type", FieldName::kContentType},
                            {"spawner-busy", FieldName::kSpawnerBusy}});
    case 13:
      return IfEqual(name, {{"authorization", FieldName::kAuthorization}});
    case 14:
      return IfEqual(name, {{"content-length", FieldName::kContentLength},
                            {"content_length", FieldName::kCgiFraming},
                            {"http2-settings", FieldName::kHttp2Settings}});
    case 16:
      return IfEqual(name, {{"proxy-connection", FieldName::kProxyConnection},
                            {"spawner-progress", FieldName::kSpawnerProgress}});
    case 17:
      return IfEqual(name, {{"transfer-encoding", FieldName::kTransferEncoding},
                            {"transfer_encoding", FieldName::kCgiFraming}});
    case 19:
      return IfEqual(name, {{"proxy-authorization", FieldName::kProxyAuthorization}});
    case 22:
      return IfEqual(name, {{"sec-websocket-protocol", FieldName::kSecWebSocketProtocol}});
    case 25:
      return IfEqual(name, {{"strict-transport-security", FieldName::kStrictTransportSecurity}});
    default:
      return FieldName::kOther;
  }
}

HeadError FieldList::Parse(absl::string_view lines) {
  count_ = 0;
  present_ = 0;
  lines_ = lines;
  while (!lines.empty()) {
    if (count_ == max_) return {431, "too many header fields"};
    const size_t end = lines.find('\n');  // HeadScanner made sure of "\r\n"
    absl::string_view line = lines.substr(0, end - 1);
    lines.remove_prefix(end + 1);
    if (line.front() == ' ' || line.front() == '\t') {
      return Bad("a folded header line (RFC 9112 5.2)");
    }
    size_t colon = 0;
    while (colon < line.size() && Is(line[colon], kTokenChar)) ++colon;
    if (colon == 0) return Bad("a header field without a name");
    if (colon == line.size()) return Bad("a header line without a colon");
    if (line[colon] != ':') return Bad("an invalid byte in a header field's name (RFC 9112 5.1)");
    absl::string_view value = line.substr(colon + 1);
    if (!AreValueChars(value)) return Bad("a control character in a header field's value");
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t'))
      value.remove_prefix(1);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
    Field& field = fields_[count_++];
    field = {line.substr(0, colon), value, KnownField(line.substr(0, colon))};
    present_ |= SetOf(field.known);
  }
  return {};
}

absl::string_view FieldList::Value(FieldName name) const {
  if (!Has(name)) return {};
  for (const Field& field : all()) {
    if (field.known == name) return field.value;
  }
  return {};
}

size_t FieldList::Count(FieldName name) const {
  if (!Has(name)) return 0;
  size_t count = 0;
  for (const Field& field : all()) count += field.known == name;
  return count;
}

bool FieldList::ListHas(FieldName name, absl::string_view token) const {
  if (!Has(name)) return false;
  bool has = false;
  for (const Field& field : all()) {
    if (field.known != name) continue;
    ForEachInList(field.value, [&has, token](absl::string_view element) {
      has = has || absl::EqualsIgnoreCase(element, token);
      return !has;
    });
  }
  return has;
}

absl::string_view FieldList::Line(size_t index) const {
  const char* begin = fields_[index].name.data();
  const char* end =
      index + 1 < count_ ? fields_[index + 1].name.data() : lines_.data() + lines_.size();
  return {begin, static_cast<size_t>(end - begin)};
}

}  // namespace spawner::proxy
