#include "proxy/http/rewrite.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/match.h"
#include "proxy/http/append.h"
#include "proxy/http/chars.h"
#include "proxy/http/field.h"

namespace spawner::proxy {
namespace {

// RFC 9110 7.6.1, and what older software sends. Transfer-Encoding stays: the body passes
// unchanged.
constexpr FieldSet kHopByHop = SetOf(FieldName::kConnection) | SetOf(FieldName::kKeepAlive) |
                               SetOf(FieldName::kProxyConnection) | SetOf(FieldName::kTe) |
                               SetOf(FieldName::kUpgrade) | SetOf(FieldName::kHttp2Settings) |
                               SetOf(FieldName::kProxyAuthorization);
// A message must not lose its framing or its host because Connection names them.
constexpr FieldSet kNeverNominated = SetOf(FieldName::kContentLength) |
                                     SetOf(FieldName::kTransferEncoding) | SetOf(FieldName::kHost);

// Copies the lines of `fields` that `keeps` accepts, whole runs of them at once.
template <typename Keeps>
void AppendKept(const FieldList& fields, Keeps keeps, std::string* out) {
  const absl::Span<const Field> all = fields.all();
  const char* run = nullptr;
  const char* end = nullptr;
  for (size_t i = 0; i < all.size(); ++i) {
    if (!keeps(all[i])) {
      if (run != nullptr) out->append(run, static_cast<size_t>(end - run));
      run = nullptr;
      continue;
    }
    const absl::string_view line = fields.Line(i);
    if (run == nullptr) run = line.data();
    end = line.data() + line.size();
  }
  if (run != nullptr) out->append(run, static_cast<size_t>(end - run));
}

// Connection names fields beyond the usual options.
bool HasNominated(const FieldList& fields) {
  bool has = false;
  for (const Field& field : fields.all()) {
    if (field.known != FieldName::kConnection) continue;
    ForEachInList(field.value, [&has](absl::string_view option) {
      has = has || !(absl::EqualsIgnoreCase(option, "close") ||
                     absl::EqualsIgnoreCase(option, "keep-alive") ||
                     absl::EqualsIgnoreCase(option, "upgrade"));
      return !has;
    });
  }
  return has;
}

bool IsNominated(const FieldList& fields, const Field& field) {
  return (SetOf(field.known) & kNeverNominated) == 0 &&
         fields.ListHas(FieldName::kConnection, field.name);
}

bool IsCorsGrant(absl::string_view name) {
  return absl::EqualsIgnoreCase(name, "access-control-allow-origin") ||
         absl::EqualsIgnoreCase(name, "access-control-allow-credentials");
}

// `name` as CGI-like backends see it.
bool IsReserved(absl::string_view name, bool (*is_reserved)(absl::string_view)) {
  if (name.find('_') == absl::string_view::npos) {
    return IsForwardingField(name) || (is_reserved != nullptr && is_reserved(name));
  }
  std::string dashed(name);
  std::replace(dashed.begin(), dashed.end(), '_', '-');
  return IsForwardingField(dashed) || (is_reserved != nullptr && is_reserved(dashed));
}

}  // namespace

// A value may come from a token or the controller, so it is no mistake of ours.
void AppendField(const AddedField& field, std::string* out) {
  if (AreValueChars(field.value)) {
    return AppendAll({field.name, ": ", field.value, "\r\n"}, out);
  }
  AppendAll({field.name, ": "}, out);
  for (char c : field.value) out->push_back(Is(c, kValueChar) ? c : '?');
  out->append("\r\n");
}

bool IsForwardingField(absl::string_view name) {
  if (name.size() < 9) return absl::EqualsIgnoreCase(name, "forwarded");
  const char first = name.front();
  if (first != 'x' && first != 'X') return absl::EqualsIgnoreCase(name, "forwarded");
  return absl::StartsWithIgnoreCase(name, "x-forwarded-") ||
         absl::EqualsIgnoreCase(name, "x-real-ip");
}

void AppendRequestHead(const RequestHead& head, const RequestRewrite& rewrite, std::string* out) {
  AppendAll({head.method, " ", rewrite.path, " HTTP/1.1\r\n"}, out);
  const bool has_nominated = head.fields.Has(FieldName::kConnection) && HasNominated(head.fields);
  FieldSet drop = kHopByHop | rewrite.drop;
  if (head.minor_version == 0) drop |= SetOf(FieldName::kExpect);  // RFC 9110 10.1.1
  AppendKept(
      head.fields,
      [&head, &rewrite, drop, has_nominated](const Field& field) {
        if ((SetOf(field.known) & drop) != 0) return false;
        if (has_nominated && IsNominated(head.fields, field)) return false;
        return field.known != FieldName::kOther || !IsReserved(field.name, rewrite.is_reserved);
      },
      out);
  // HTTP/1.0 may leave it out, HTTP/1.1 may not (RFC 9112 3.2).
  if (!head.fields.Has(FieldName::kHost)) AppendAll({"Host: ", head.host, "\r\n"}, out);
  if (!head.upgrade.empty()) {
    AppendAll({"Connection: upgrade\r\nUpgrade: ", head.upgrade, "\r\n"}, out);
  }
  for (const AddedField& field : rewrite.add) AppendField(field, out);
  out->append("\r\n");
}

void AppendResponseHead(const ResponseHead& head, const ResponseRewrite& rewrite,
                        std::string* out) {
  AppendAll(
      {"HTTP/1.1 ", head.status_and_reason, head.status_and_reason.size() == 3 ? " \r\n" : "\r\n"},
      out);
  const bool has_nominated = head.fields.Has(FieldName::kConnection) && HasNominated(head.fields);
  FieldSet drop = kHopByHop | SetOf(FieldName::kSpawnerBusy);  // that one is for us
  // RFC 9110 8.6, RFC 9112 6.1: neither is allowed with these.
  if (rewrite.drop_framing || head.status < 200 || head.status == 204) {
    drop |= SetOf(FieldName::kContentLength) | SetOf(FieldName::kTransferEncoding);
  }
  AppendKept(
      head.fields,
      [&head, &rewrite, drop, has_nominated](const Field& field) {
        if ((SetOf(field.known) & drop) != 0) return false;
        if (rewrite.drop_cors && IsCorsGrant(field.name)) return false;
        return !has_nominated || !IsNominated(head.fields, field);
      },
      out);
  switch (rewrite.connection) {
    case ResponseRewrite::Connection::kImplied:
      break;
    case ResponseRewrite::Connection::kKeepAlive:
      out->append("Connection: keep-alive\r\n");
      break;
    case ResponseRewrite::Connection::kClose:
      out->append("Connection: close\r\n");
      break;
    case ResponseRewrite::Connection::kUpgrade:
      AppendAll(
          {"Connection: upgrade\r\nUpgrade: ", head.fields.Value(FieldName::kUpgrade), "\r\n"},
          out);
      break;
  }
  for (const AddedField& field : rewrite.add) AppendField(field, out);
  out->append("\r\n");
}

}  // namespace spawner::proxy
