#ifndef SPAWNER_TESTS_BENCH_LOAD_CONNECTION_H_
#define SPAWNER_TESTS_BENCH_LOAD_CONNECTION_H_

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "tests/bench/limits.h"
#include "tests/bench/load_options.h"
#include "tests/bench/poller.h"
#include "tests/bench/request_text.h"
#include "tests/bench/sockets.h"

namespace spawner::bench {

// What all connections of one load use.
struct LoadContext {
  const LoadOptions& options;
  RequestText& text;
  Poller& poller;
  absl::Span<char> scratch;  // for bodies that are read and forgotten
  uint64_t bytes_read = 0;
};

// One client of the proxy: at most one request or message at a time.
// Owner: LoadGenerator, which calls Send only while is_idle() and Dial only while is_closed().
class LoadConnection {
 public:
  enum class Outcome : uint8_t {
    kNothing,
    kUp,         // can send its first request
    kAnswered,   // the answer is whole and right
    kBadAnswer,  // whole, but not what was asked for: error() says why
    kLost,       // closed; error() says why, was_busy() whether an answer was missing
  };

  LoadConnection(LoadContext& context, int first_host) : context_(context), host_(first_host) {}

  bool is_closed() const { return state_ == State::kClosed; }
  bool is_idle() const { return state_ == State::kIdle; }
  bool is_busy() const { return state_ == State::kBusy; }
  bool is_open() const { return is_idle() || is_busy(); }
  // The proxy has said that it closes this connection, or each request has its own.
  bool is_used_up() const { return is_used_up_; }
  bool was_busy() const { return was_busy_; }
  const char* error() const { return error_; }

  // Each of these gives kLost or kNothing, or what an event led to.
  Outcome Dial();
  Outcome Send();
  Outcome OnEvent(uint32_t events);
  void Close();

  // When the request under way was due, or the next one is. Read and set by the owner only.
  int64_t due_ns = 0;

 private:
  enum class State : uint8_t { kClosed, kConnecting, kUpgrading, kIdle, kBusy };

  void NextHost();
  Outcome OnConnected();
  Outcome OnReadable();
  Outcome OnHead();
  Outcome OnUpgraded(int status, bool is_all);
  Outcome OnEcho();
  Outcome ReadBody();
  Outcome SendUpload();
  Outcome Answered();
  Outcome Lost(const char* why);

  LoadContext& context_;
  Fd fd_;
  State state_ = State::kClosed;
  bool is_used_up_ = false;
  bool is_good_ = true;   // the answer under way
  bool is_body_ = false;  // the head is through
  bool was_busy_ = false;
  bool is_writing_ = false;
  int host_;
  const char* error_ = "";
  size_t upload_left_ = 0;
  uint64_t body_left_ = 0;
  size_t filled_ = 0;
  char buffer_[kLoadBufferBytes];
};

}  // namespace spawner::bench

#endif  // SPAWNER_TESTS_BENCH_LOAD_CONNECTION_H_
