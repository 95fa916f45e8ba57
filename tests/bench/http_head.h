#ifndef SPAWNER_TESTS_BENCH_HTTP_HEAD_H_
#define SPAWNER_TESTS_BENCH_HTTP_HEAD_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace spawner::bench {

// What load and backend look at in a head, of a request or an answer. They speak with programs
// that we started: this is no parser for outside bytes, and not the proxy's own, which it measures.
struct HttpHead {
  size_t size = 0;               // with the empty line
  absl::string_view first_line;  // points into the bytes that were read, as does websocket_key
  std::optional<uint64_t> content_length;
  absl::string_view websocket_key;
  bool closes = false;  // Connection: close
  bool is_chunked = false;

  // The path of a request's first line, and the code of an answer's (0 if there is none).
  absl::string_view path() const;
  int status() const;
};

// Empty until the empty line is there.
std::optional<HttpHead> ReadHttpHead(absl::string_view bytes);

}  // namespace spawner::bench

#endif  // SPAWNER_TESTS_BENCH_HTTP_HEAD_H_
