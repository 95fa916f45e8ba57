#ifndef SPAWNER_PROXY_ACCESS_LOG_FILE_H_
#define SPAWNER_PROXY_ACCESS_LOG_FILE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "base/mailbox.h"
#include "proxy/forward/access_log.h"
#include "proxy/io/epoll_io.h"

namespace spawner::proxy {

// The file or pipe that access logs go to, with a thread that may block on it. Whoever reads a pipe
// too slowly loses lines; nothing else waits for him.
// Owner: main; outlives the workers.
class AccessLogFile final : public AccessSink {
 public:
  // `path` "-": stdout. NOT_FOUND, PERMISSION_DENIED, UNAVAILABLE: it can't be opened.
  static absl::StatusOr<std::unique_ptr<AccessLogFile>> Open(std::string path, const Clock& clock);
  // Writes what is left, within kStopPatience.
  ~AccessLogFile() override;

  // ---- any thread ----
  bool Take(std::string lines, int64_t count) override;
  // Opens its path anew, for who renames files. Fails: goes on with the old one, and says so.
  void Reopen() { mailbox_.Post(ReopenOrder{}); }
  // Lines that were taken and could not be written.
  int64_t lost() const { return lost_.load(std::memory_order_relaxed); }

 private:
  struct Chunk {
    std::string lines;
    int64_t count;
  };
  struct ReopenOrder {};
  struct StopOrder {};
  using Letter = std::variant<Chunk, ReopenOrder, StopOrder>;

  AccessLogFile(std::string path, int fd, const Clock& clock, std::unique_ptr<EpollIo> io);
  void Run();
  void Write(const Chunk& chunk);
  // False: it failed, or time is up.
  bool WriteAll(absl::string_view bytes);
  void Adopt(int fd);
  void DoReopen();
  void Complain(const char* what, int error);

  const std::string path_;
  const Clock& clock_;
  const std::unique_ptr<EpollIo> io_;
  Mailbox<Letter> mailbox_;
  // Both are asked by threads that can't wait; a value read a moment late does no harm.
  std::atomic<size_t> queued_bytes_{0};
  std::atomic<int64_t> lost_{0};
  // Set once: a write that waits for a reader gives up after kStopPatience.
  std::atomic<bool> is_stopping_{false};
  // Of its thread.
  int fd_ = -1;
  bool is_file_ = false;                   // a write to it ends by itself
  bool is_torn_ = false;                   // the last line has no end
  Instant give_up_ = Instant::Infinite();  // set by the first write that waits while it stops
  Instant complained_at_;
  std::thread thread_;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_ACCESS_LOG_FILE_H_
