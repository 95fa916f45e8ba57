#ifndef SPAWNER_PROXY_HTTP_REWRITE_H_
#define SPAWNER_PROXY_HTTP_REWRITE_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proxy/http/head.h"

namespace spawner::proxy {

struct AddedField {
  absl::string_view name;
  absl::string_view value;
};

// What the backend is to see instead of what the client sent.
struct RequestRewrite {
  absl::string_view path;
  // Fields that only this proxy sets, as the caller knows them: taken out of what the client sent.
  // A '_' in a name is shown to it as '-', since CGI-like backends can't tell them apart.
  bool (*is_reserved)(absl::string_view name) = nullptr;
  FieldSet drop = 0;  // besides the hop-by-hop fields
  absl::Span<const AddedField> add;
};

// Appends the head for the backend: HTTP/1.1, one Host, no hop-by-hop fields (RFC 9110 7.6.1) but
// the Upgrade that `head.upgrade` allows, none of the forwarding fields that a client can forge.
void AppendRequestHead(const RequestHead& head, const RequestRewrite& rewrite, std::string* out);

struct ResponseRewrite {
  // What becomes of the client's connection.
  enum class Connection : uint8_t { kImplied, kKeepAlive, kClose, kUpgrade };
  Connection connection = Connection::kImplied;
  bool drop_framing = false;  // the body's framing changes, or the status allows none
  bool drop_cors = false;     // Access-Control-Allow-Origin and -Credentials: `add` has ours
  absl::Span<const AddedField> add;
};

// Appends the head for the client.
void AppendResponseHead(const ResponseHead& head, const ResponseRewrite& rewrite, std::string* out);

// "name: value\r\n"; a byte of the value that could split the head becomes '?'.
void AppendField(const AddedField& field, std::string* out);

// Set by this proxy, whatever the client says: X-Forwarded-*, X-Real-IP, Forwarded.
bool IsForwardingField(absl::string_view name);

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_HTTP_REWRITE_H_
