#ifndef SPAWNER_TESTS_BENCH_RESPONDER_CONNECTION_H_
#define SPAWNER_TESTS_BENCH_RESPONDER_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "tests/bench/http_head.h"
#include "tests/bench/limits.h"
#include "tests/bench/responder.h"
#include "tests/bench/sockets.h"

namespace spawner::bench {

// One connection of a Responder, which owns it. Registers itself with the responder's poller.
class ResponderConnection {
 public:
  ResponderConnection(Responder& responder, Fd fd);

  size_t descriptor() const { return static_cast<size_t>(fd_.get()); }
  // False: it is over.
  bool OnEvent(uint32_t events);

 private:
  bool OnReadable();
  // Takes whole requests and frames off the buffer while nothing waits to be written.
  bool Consume();
  // The bytes of one request's head or frame: 0 if it is not whole yet, empty if it is refused.
  std::optional<size_t> Step(absl::string_view bytes);
  std::optional<size_t> StepHead(absl::string_view bytes);
  std::optional<size_t> StepFrame(absl::string_view bytes);
  std::optional<size_t> Upgrade(const HttpHead& head);
  std::optional<size_t> Refuse();

  bool ReadUpload();
  bool Answer();
  bool WriteBody();

  Responder& responder_;
  Fd fd_;
  bool is_websocket_ = false;
  bool closes_ = false;          // after the answer
  bool is_writing_ = false;      // the poller tells when more can be written
  size_t answer_body_size_ = 0;  // of the request under way
  uint64_t upload_left_ = 0;     // bytes of its body to come
  size_t body_left_ = 0;         // bytes of its answer to be written
  size_t filled_ = 0;
  char buffer_[kBackendBufferBytes];
};

}  // namespace spawner::bench

#endif  // SPAWNER_TESTS_BENCH_RESPONDER_CONNECTION_H_
