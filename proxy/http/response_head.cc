#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "proxy/http/chars.h"
#include "proxy/http/head.h"

namespace spawner::proxy {
namespace {

HeadError Broken(absl::string_view why) { return {502, why}; }

}  // namespace

HeadError ResponseHead::Parse(absl::string_view bytes, bool to_head) {
  const size_t line_end = bytes.find('\n');
  if (HeadError error = ParseStatusLine(bytes.substr(0, line_end - 1)); error.is_error()) {
    return error;
  }
  const absl::string_view lines = bytes.substr(line_end + 1, bytes.size() - (line_end + 1) - 2);
  if (HeadError error = fields.Parse(lines); error.is_error()) return Broken(error.why);
  if (HeadError error = FrameBody(to_head); error.is_error()) return error;
  is_persistent = minor_version == 1;
  if (fields.Has(FieldName::kConnection)) {
    if (minor_version == 0) is_persistent = fields.ListHas(FieldName::kConnection, "keep-alive");
    if (fields.ListHas(FieldName::kConnection, "close")) is_persistent = false;
  }
  if (body.kind == BodyKind::kUntilClose) is_persistent = false;
  return {};
}

// HTTP-version SP 3DIGIT SP [reason]; the second space is often left out with an empty reason.
HeadError ResponseHead::ParseStatusLine(absl::string_view line) {
  if (absl::StartsWith(line, "HTTP/1.1 ")) {
    minor_version = 1;
  } else if (absl::StartsWith(line, "HTTP/1.0 ")) {
    minor_version = 0;
  } else {
    return Broken("a status line that is not HTTP/1.x");
  }
  status_and_reason = line.substr(9);
  if (status_and_reason.size() < 3) return Broken("a status line without a status");
  status = 0;
  for (char c : status_and_reason.substr(0, 3)) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return Broken("an invalid status");
    status = status * 10 + (c - '0');
  }
  const absl::string_view reason = status_and_reason.substr(3);
  if (status < 100 || (!reason.empty() && reason.front() != ' ')) {
    return Broken("an invalid status");
  }
  if (!AreValueChars(reason)) return Broken("a control character in the reason phrase");
  return {};
}

// RFC 9112 6.3.
HeadError ResponseHead::FrameBody(bool to_head) {
  body = {};
  const bool has_length = fields.Has(FieldName::kContentLength);
  const bool has_coding = fields.Has(FieldName::kTransferEncoding);
  if (fields.Has(FieldName::kCgiFraming)) return Broken("Content_Length or Transfer_Encoding");
  if (has_length && has_coding) return Broken("both Content-Length and Transfer-Encoding");
  uint64_t length = 0;
  if (has_length) {
    if (fields.Count(FieldName::kContentLength) > 1) {
      return Broken("more than one Content-Length field");
    }
    if (!ParseContentLength(fields.Value(FieldName::kContentLength), &length)) {
      return Broken("an invalid Content-Length");
    }
  }
  if (has_coding) {
    if (minor_version == 0) return Broken("Transfer-Encoding in HTTP/1.0");
    if (fields.Count(FieldName::kTransferEncoding) > 1 ||
        !absl::EqualsIgnoreCase(fields.Value(FieldName::kTransferEncoding), "chunked")) {
      return Broken("a Transfer-Encoding other than chunked");
    }
  }
  if (to_head || status < 200 || status == 204 || status == 304) return {};
  if (has_coding) {
    body.kind = BodyKind::kChunked;
  } else if (has_length) {
    body = {BodyKind::kLength, length};
  } else {
    body.kind = BodyKind::kUntilClose;
  }
  return {};
}

}  // namespace spawner::proxy
