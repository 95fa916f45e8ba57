#ifndef SPAWNER_TESTS_FUZZ_HTTP_ORACLE_H_
#define SPAWNER_TESTS_FUZZ_HTTP_ORACLE_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace spawner::proxy {

// One message as somebody else's parser reads it: what a backend or a client may see.
struct Reading {
  bool accepts = false;  // a whole message, at the beginning of the bytes
  std::string method;    // of a request
  std::string target;
  int status = 0;  // of a response
  std::string body;
  size_t size = 0;  // where the message ends
};

enum class MessageKind { kRequest, kResponse };

// Boost.Beast. Of a body that lasts until the connection ends, `bytes` holds all.
Reading ReadByBeast(absl::string_view bytes, MessageKind kind);

// http-parser, long Node.js's own. It is told of the statuses that never have a body, as its users
// must: by itself it expects Content-Length bytes after a 1xx, 204 or 304 (RFC 9112 6.3, rule 1).
// What it is known to read wrongly it does not accept here.
Reading ReadByHttpParser(absl::string_view bytes, MessageKind kind);

}  // namespace spawner::proxy

#endif  // SPAWNER_TESTS_FUZZ_HTTP_ORACLE_H_
