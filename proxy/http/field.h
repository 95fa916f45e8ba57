#ifndef SPAWNER_PROXY_HTTP_FIELD_H_
#define SPAWNER_PROXY_HTTP_FIELD_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proxy/http/limits.h"

namespace spawner::proxy {

// Fields that the proxy acts upon. Also a bit number in FieldSet.
enum class FieldName : uint8_t {
  kOther,
  kAccept,
  kAuthorization,
  kCgiFraming,  // Content_Length, Transfer_Encoding: CGI-like backends can't tell them apart
  kConnection,
  kContentLength,
  kContentType,
  kCookie,
  kExpect,
  kHost,
  kHttp2Settings,
  kKeepAlive,
  kProxyAuthorization,
  kProxyConnection,
  kSecWebSocketProtocol,
  kSpawnerBusy,      // of a backend: "keep my session alive"
  kSpawnerProgress,  // of the progress page: "tell me when it is no longer so"
  kStrictTransportSecurity,
  kTe,
  kTraceparent,
  kTracestate,
  kTransferEncoding,
  kUpgrade,
};

using FieldSet = uint32_t;
constexpr FieldSet SetOf(FieldName name) { return 1u << static_cast<int>(name); }

// Any case.
FieldName KnownField(absl::string_view name);

struct Field {
  absl::string_view name;
  absl::string_view value;  // without surrounding white space
  FieldName known = FieldName::kOther;
};

// RFC 9110 6.5.1: a peer that merges trailers into the head would take such a field at its word.
inline bool IsRefusedInTrailers(absl::string_view name) {
  constexpr FieldSet kHarmless = SetOf(FieldName::kOther) | SetOf(FieldName::kContentType) |
                                 SetOf(FieldName::kSpawnerBusy) |
                                 SetOf(FieldName::kStrictTransportSecurity);
  return (SetOf(KnownField(name)) & kHarmless) == 0;
}

// A head that can't be accepted: the status to answer a request with, and why, for people.
struct HeadError {
  int status = 0;  // 0: none
  absl::string_view why;

  bool is_error() const { return status != 0; }
};

// The field lines of one head: views into the bytes they were parsed from.
class FieldList {
 public:
  // `lines` are whole lines, each ended by CRLF, without the empty one (RFC 9112 5).
  HeadError Parse(absl::string_view lines);
  // How many it takes from now on: at most kFieldsMost.
  void set_max(size_t max) { max_ = max; }
  absl::Span<const Field> all() const { return {fields_.data(), count_}; }
  FieldSet present() const { return present_; }
  bool Has(FieldName name) const { return (present_ & SetOf(name)) != 0; }
  // The first one's value; empty if there is none.
  absl::string_view Value(FieldName name) const;
  size_t Count(FieldName name) const;
  // The comma-separated list of all fields of this name holds `token`, in any case.
  bool ListHas(FieldName name, absl::string_view token) const;
  // All lines from this field's first byte to its LF.
  absl::string_view Line(size_t index) const;

 private:
  size_t max_ = kFieldsMax;
  size_t count_ = 0;
  FieldSet present_ = 0;
  absl::string_view lines_;
  std::array<Field, kFieldsMost> fields_;
};

// Calls `visit(token)` for each element of a comma-separated list, white space trimmed, empty ones
// left out (RFC 9110 5.6.1). Stops when it returns false.
template <typename Visit>
void ForEachInList(absl::string_view list, Visit visit) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    absl::string_view token = list.substr(0, comma);
    list = comma == absl::string_view::npos ? absl::string_view() : list.substr(comma + 1);
    while (!token.empty() && (token.front() == ' ' || token.front() == '\t'))
      token.remove_prefix(1);
    while (!token.empty() && (token.back() == ' ' || token.back() == '\t')) token.remove_suffix(1);
    if (!token.empty() && !visit(token)) return;
  }
}

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_HTTP_FIELD_H_
