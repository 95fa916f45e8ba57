#ifndef SPAWNER_TESTS_BENCH_RESPONDER_H_
#define SPAWNER_TESTS_BENCH_RESPONDER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/bench/poller.h"
#include "tests/bench/sockets.h"

namespace spawner::bench {

class ResponderConnection;

// The backend of the benchmark, cheap beside any proxy: HTTP/1.1 with keep-alive and WebSocket echo
// on every address of loopback, so that each route has an address of its own.
//   GET /b/N     N bytes of 'x'; any other path kAnswerBytes
//   POST         takes Content-Length bytes, then answers as to GET
//   an upgrade   echoes unfragmented frames
// What it can't do it answers with 411 (chunked) or a closed connection.
// Thread: the one that calls Turn. Owner: main or a test.
class Responder {
 public:
  struct Counters {
    uint64_t connections = 0;  // ever
    uint64_t requests = 0;
    uint64_t uploaded_bytes = 0;
    uint64_t messages = 0;  // echoed
    uint64_t refused = 0;   // 411, or a connection closed for what was sent
  };

  // Port 0: any. UNAVAILABLE if it is taken.
  static absl::StatusOr<std::unique_ptr<Responder>> Listen(uint16_t port);
  ~Responder();

  uint16_t port() const { return PortOf(listener_); }
  const Counters& counters() const { return counters_; }

  // Waits for events, `wait_ns` at most, and serves them.
  void Turn(int64_t wait_ns);

 private:
  friend class ResponderConnection;

  explicit Responder(Fd listener);
  void AcceptAll();
  // "HTTP/1.1 200 OK..." for a body of that size; the last one is kept.
  const std::string& AnswerHead(size_t body_size, bool closes);

  Fd listener_;
  Poller poller_;
  Counters counters_;
  std::vector<std::unique_ptr<ResponderConnection>> connections_;  // by descriptor
  std::string body_;                                               // kBodyBytesMax of 'x'
  std::string scratch_;  // uploads are read here and forgotten
  std::string answer_head_;
  size_t answer_body_size_ = 0;
  bool answer_closes_ = false;
};

}  // namespace spawner::bench

#endif  // SPAWNER_TESTS_BENCH_RESPONDER_H_
