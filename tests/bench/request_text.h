#ifndef SPAWNER_TESTS_BENCH_REQUEST_TEXT_H_
#define SPAWNER_TESTS_BENCH_REQUEST_TEXT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "tests/bench/load_options.h"

namespace spawner::bench {

// The bytes that a load sends, composed once: only the host's number changes.
class RequestText {
 public:
  explicit RequestText(const LoadOptions& options);

  // The head of a request to that host: valid until the next call.
  absl::string_view Head(int host);
  // One masked message, and the bytes that must come back.
  absl::string_view message() const { return message_; }
  absl::string_view echo() const { return echo_; }
  // A piece of an upload's body.
  absl::string_view upload() const { return upload_; }

 private:
  std::string head_;
  size_t host_digits_ = 0;  // where they are in head_
  std::string message_;
  std::string echo_;
  std::string upload_;
};

}  // namespace spawner::bench

#endif  // SPAWNER_TESTS_BENCH_REQUEST_TEXT_H_
