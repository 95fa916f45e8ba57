#ifndef SPAWNER_PROXY_HTTP_HEAD_H_
#define SPAWNER_PROXY_HTTP_HEAD_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "proxy/http/field.h"

namespace spawner::proxy {

enum class BodyKind : uint8_t { kNone, kLength, kChunked, kUntilClose };

struct BodyFraming {
  BodyKind kind = BodyKind::kNone;
  uint64_t length = 0;  // of kLength

  bool has_body() const {
    return kind != BodyKind::kNone && !(kind == BodyKind::kLength && length == 0);
  }
};

// A request's head, checked to the letter of RFC 9112 and stricter where peers are known to
// disagree (request smuggling). All views are into the bytes that were parsed. Some 10 KiB: one per
// worker, used again for each request.
struct RequestHead {
  absl::string_view method;
  absl::string_view host;  // as sent, with its port; empty only for HTTP/1.0
  absl::string_view path;  // origin form, byte for byte: "/a/b?c"
  int minor_version = 1;
  BodyFraming body;
  bool is_persistent = true;  // the client will send more on this connection (RFC 9112 9.3)
  bool expects_continue = false;
  // The one protocol that a client asks to switch to; empty: none, or one that a gateway must not
  // pass on (h2c, TLS), or together with a body.
  absl::string_view upgrade;
  FieldList fields;

  // `bytes` is one whole head as HeadScanner found it. The errors are 400, 405, 431, 501 and 505.
  HeadError Parse(absl::string_view bytes);
  bool is_idempotent() const;  // RFC 9110 9.2.2
  bool is_head() const { return method == "HEAD"; }

 private:
  HeadError ParseRequestLine(absl::string_view line);
  HeadError ParseTarget(absl::string_view target);
  HeadError CheckHost();
  HeadError FrameBody();
  void FindUpgrade();
};

// A backend's answer. Any error is a 502: the proxy never guesses.
struct ResponseHead {
  int status = 0;
  int minor_version = 1;
  absl::string_view status_and_reason;  // "200 OK"
  BodyFraming body;
  bool is_persistent = true;  // the backend will take another request on this connection
  FieldList fields;

  // `to_head`: it answers a HEAD request, so it has no body whatever it says (RFC 9112 6.3).
  HeadError Parse(absl::string_view bytes, bool to_head);
  bool is_interim() const { return status < 200 && status != 101; }

 private:
  HeadError ParseStatusLine(absl::string_view line);
  HeadError FrameBody(bool to_head);
};

// A valid Content-Length, else false: digits only, at most 18 of them.
bool ParseContentLength(absl::string_view text, uint64_t* length);
// "name", "name:80", "192.0.2.1", "[::1]:80".
bool IsValidHost(absl::string_view host);
// Without the port.
absl::string_view HostName(absl::string_view host);

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_HTTP_HEAD_H_
