#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "proxy/http/chars.h"
#include "proxy/http/head.h"
#include "proxy/http/limits.h"

namespace spawner::proxy {
namespace {

HeadError Bad(absl::string_view why) { return {400, why}; }

}  // namespace

HeadError RequestHead::Parse(absl::string_view bytes) {
  const size_t line_end = bytes.find('\n');
  if (HeadError error = ParseRequestLine(bytes.substr(0, line_end - 1)); error.is_error()) {
    return error;
  }
  const absl::string_view lines =
      bytes.substr(line_end + 1, bytes.size() - (line_end + 1) - 2);  // without the empty line
  if (HeadError error = fields.Parse(lines); error.is_error()) return error;
  if (HeadError error = CheckHost(); error.is_error()) return error;
  if (HeadError error = FrameBody(); error.is_error()) return error;

  is_persistent = minor_version == 1;
  if (fields.Has(FieldName::kConnection)) {
    if (minor_version == 0) is_persistent = fields.ListHas(FieldName::kConnection, "keep-alive");
    if (fields.ListHas(FieldName::kConnection, "close")) is_persistent = false;
  }
  // RFC 9110 10.1.1: of HTTP/1.0 clients it is ignored.
  expects_continue = minor_version == 1 && body.has_body() &&
                     absl::EqualsIgnoreCase(fields.Value(FieldName::kExpect), "100-continue");
  FindUpgrade();
  return {};
}

// method SP request-target SP HTTP-version: single spaces, nothing else (RFC 9112 3).
HeadError RequestHead::ParseRequestLine(absl::string_view line) {
  const size_t first = line.find(' ');
  if (first == absl::string_view::npos) return Bad("a request line without a target");
  method = line.substr(0, first);
  if (method.empty() || method.size() > kMethodBytesMax || method.front() == '-' ||
      !AllAre(method, kMethodChar)) {
    return Bad("an invalid method");
  }
  const size_t second = line.find(' ', first + 1);
  if (second == absl::string_view::npos) return Bad("a request line without an HTTP version");
  const absl::string_view version = line.substr(second + 1);
  if (version == "HTTP/1.1") {
    minor_version = 1;
  } else if (version == "HTTP/1.0") {
    minor_version = 0;
  } else if (version.size() == 8 && absl::StartsWith(version, "HTTP/") &&
             absl::ascii_isdigit(version[5]) && version[6] == '.' &&
             absl::ascii_isdigit(version[7])) {
    return {505, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
  } else {
    return Bad("an invalid HTTP version");
  }
  return ParseTarget(line.substr(first + 1, second - first - 1));
}

// RFC 9112 3.2.
HeadError RequestHead::ParseTarget(absl::string_view target) {
  host = {};
  if (target.empty() || !AllAre(target, kTargetChar)) {
    return Bad("an invalid byte in the request target");
  }
  if (method == "CONNECT") return {405, "CONNECT is not offered: this is no forward proxy"};
  // The asterisk form is of OPTIONS alone (RFC 9112 3.2.4).
  if (target.front() == '/' || (target == "*" && method == "OPTIONS")) {
    path = target;
    return {};
  }
  const size_t scheme_end = target.find("://");
  const absl::string_view scheme = target.substr(0, scheme_end);
  if (scheme_end == absl::string_view::npos ||
      (!absl::EqualsIgnoreCase(scheme, "http") && !absl::EqualsIgnoreCase(scheme, "https"))) {
    return Bad("a request target that is neither a path nor an http URL");
  }
  target.remove_prefix(scheme_end + 3);
  const size_t slash = target.find_first_of("/?");
  host = target.substr(0, slash);
  if (!IsValidHost(host)) return Bad("an invalid authority in the request target");
  const absl::string_view no_path = method == "OPTIONS" ? "*" : "/";  // RFC 9112 3.2.4, 3.2.1
  path = slash == absl::string_view::npos ? no_path : target.substr(slash);
  if (path.front() == '?') return Bad("a request target without a path");
  return {};
}

HeadError RequestHead::CheckHost() {
  const size_t count = fields.Count(FieldName::kHost);
  if (count > 1) return Bad("more than one Host field");
  if (count == 0) {
    // RFC 9112 3.2: required in HTTP/1.1, absolute form or not.
    return minor_version == 1 ? Bad("no Host field") : HeadError{};
  }
  const absl::string_view value = fields.Value(FieldName::kHost);
  if (!IsValidHost(value)) return Bad("an invalid Host field");
  if (!host.empty() && !absl::EqualsIgnoreCase(host, value)) {
    return Bad("a Host field that differs from the request target");
  }
  host = value;
  return {};
}

// RFC 9112 6.3.
HeadError RequestHead::FrameBody() {
  body = {};
  const bool has_length = fields.Has(FieldName::kContentLength);
  if (fields.Has(FieldName::kCgiFraming)) return Bad("Content_Length or Transfer_Encoding");
  if (fields.Has(FieldName::kTransferEncoding)) {
    if (has_length) return Bad("both Content-Length and Transfer-Encoding");
    if (minor_version == 0) return Bad("Transfer-Encoding in HTTP/1.0");
    const absl::string_view coding = fields.Value(FieldName::kTransferEncoding);
    if (fields.Count(FieldName::kTransferEncoding) > 1) {
      return Bad("more than one Transfer-Encoding field");
    }
    if (!absl::EqualsIgnoreCase(coding, "chunked")) {
      // RFC 9112 6.1: 501 only for what is well formed and chunked at last, once.
      absl::string_view before = coding;
      if (absl::EndsWithIgnoreCase(coding, ", chunked") && Is(coding.front(), kTokenChar)) {
        before.remove_suffix(absl::string_view(", chunked").size());
        if (!absl::StrContains(absl::AsciiStrToLower(before), "chunked")) {
          return {501, "a transfer coding other than chunked"};
        }
      }
      return Bad("a Transfer-Encoding other than chunked");
    }
    body.kind = BodyKind::kChunked;
    return {};
  }
  if (!has_length) return {};
  if (fields.Count(FieldName::kContentLength) > 1) return Bad("more than one Content-Length field");
  if (!ParseContentLength(fields.Value(FieldName::kContentLength), &body.length)) {
    return Bad("an invalid Content-Length");
  }
  body.kind = BodyKind::kLength;
  return {};
}

// RFC 9110 7.8. A request with a body switches nothing: the bytes behind it would be ambiguous.
void RequestHead::FindUpgrade() {
  upgrade = {};
  if (!fields.Has(FieldName::kUpgrade) || minor_version == 0 || body.has_body()) return;
  if (fields.Count(FieldName::kUpgrade) > 1) return;
  if (!fields.ListHas(FieldName::kConnection, "upgrade")) return;
  const absl::string_view protocol = fields.Value(FieldName::kUpgrade);
  if (protocol.empty() || protocol.find(',') != absl::string_view::npos) return;
  if (absl::StartsWithIgnoreCase(protocol, "h2") || absl::StartsWithIgnoreCase(protocol, "tls/") ||
      absl::StartsWithIgnoreCase(protocol, "http/")) {
    return;
  }
  upgrade = protocol;
}

bool RequestHead::is_idempotent() const {
  constexpr std::array<absl::string_view, 6> kIdempotent = {"GET",   "HEAD", "OPTIONS",
                                                            "TRACE", "PUT",  "DELETE"};
  for (absl::string_view candidate : kIdempotent) {
    if (method == candidate) return true;
  }
  return false;
}

bool ParseContentLength(absl::string_view text, uint64_t* length) {
  if (text.empty() || text.size() > 18) return false;
  uint64_t value = 0;
  for (char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  *length = value;
  return true;
}

absl::string_view HostName(absl::string_view host) {
  if (!host.empty() && host.front() == '[') return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

bool IsValidHost(absl::string_view host) {
  const absl::string_view name = HostName(host);
  const absl::string_view port = host.substr(name.size());
  if (name.empty()) return false;
  if (name.front() == '[') {
    if (name.size() < 4 || name.back() != ']') return false;
    for (char c : name.substr(1, name.size() - 2)) {
      if (!absl::ascii_isxdigit(static_cast<unsigned char>(c)) && c != ':' && c != '.')
        return false;
    }
  } else if (!AllAre(name, kHostChar)) {
    return false;
  }
  if (port.empty()) return true;
  if (port.front() != ':' || port.size() > 6) return false;
  for (char c : port.substr(1)) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
  }
  return true;
}

}  // namespace spawner::proxy
