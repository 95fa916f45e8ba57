#include "proxy/access_log_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "base/status.h"
#include "proxy/forward/limits.h"

namespace spawner::proxy {
namespace {

constexpr absl::Duration kStopPatience = absl::Seconds(1);
constexpr int kPollMilliseconds = 100;
constexpr absl::Duration kComplaintInterval = absl::Minutes(1);

// -1 and errno.
int OpenPath(const std::string& path) {
  if (path == "-") return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  // Not to wait for the reader of a pipe that has none: ENXIO.
  return open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640);
}

}  // namespace

absl::StatusOr<std::unique_ptr<AccessLogFile>> AccessLogFile::Open(std::string path,
                                                                   const Clock& clock) {
  const int fd = OpenPath(path);
  if (fd < 0) {
    const int error = errno;
    const std::string what = absl::StrCat("open ", path, ": ", std::strerror(error));
    if (error == ENOENT) return absl::NotFoundError(what);
    if (error == EACCES) return absl::PermissionDeniedError(what);
    return absl::UnavailableError(what);
  }
  absl::StatusOr<std::unique_ptr<EpollIo>> io = EpollIo::Create();
  if (!io.ok()) {
    close(fd);
    return io.status();
  }
  return std::unique_ptr<AccessLogFile>(
      new AccessLogFile(std::move(path), fd, clock, *std::move(io)));
}

AccessLogFile::AccessLogFile(std::string path, int fd, const Clock& clock,
                             std::unique_ptr<EpollIo> io)
    : path_(std::move(path)),
      clock_(clock),
      io_(std::move(io)),
      mailbox_([this] { io_->Wake(); }),
      complained_at_(clock.Now() - kComplaintInterval) {
  Adopt(fd);
  thread_ = std::thread([this] { Run(); });
}

AccessLogFile::~AccessLogFile() {
  is_stopping_.store(true);
  mailbox_.Post(StopOrder{});
  thread_.join();
  close(fd_);
}

bool AccessLogFile::Take(std::string lines, int64_t count) {
  const size_t size = lines.size();
  if (queued_bytes_.load(std::memory_order_relaxed) + size > kAccessQueueBytesMax) return false;
  queued_bytes_.fetch_add(size, std::memory_order_relaxed);
  mailbox_.Post(Chunk{std::move(lines), count});
  return true;
}

void AccessLogFile::Run() {
  for (;;) {
    io_->Wait(absl::InfiniteDuration());
    io_->Dispatch();
    for (const Letter& letter : mailbox_.Drain()) {
      if (const auto* chunk = std::get_if<Chunk>(&letter)) {
        Write(*chunk);
      } else if (std::holds_alternative<ReopenOrder>(letter)) {
        DoReopen();
      } else {
        return;  // the last letter: no worker is left
      }
    }
  }
}

void AccessLogFile::Write(const Chunk& chunk) {
  const bool is_written = (!is_torn_ || WriteAll("\n")) && WriteAll(chunk.lines);
  queued_bytes_.fetch_sub(chunk.lines.size(), std::memory_order_relaxed);
  if (!is_written) lost_.fetch_add(chunk.count, std::memory_order_relaxed);
}

bool AccessLogFile::WriteAll(absl::string_view bytes) {
  while (!bytes.empty()) {
    size_t size = bytes.size();
    if (!is_file_) {
      // A pipe that is ready takes this much at once, whoever else writes to it.
      size = std::min<size_t>(size, PIPE_BUF);
      pollfd wanted = {.fd = fd_, .events = POLLOUT, .revents = 0};
      if (clock_.Now() >= give_up_) return false;
      if (poll(&wanted, 1, kPollMilliseconds) == 0) {
        const bool is_first = is_stopping_.load() && give_up_ == Instant::Infinite();
        if (is_first) give_up_ = clock_.Now() + kStopPatience;
        continue;
      }
    }
    const ssize_t written = write(fd_, bytes.data(), size);
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (written < 0) {
      Complain("access_log_not_written", errno);
      return false;
    }
    bytes.remove_prefix(static_cast<size_t>(written));
    is_torn_ = !bytes.empty() || written == 0;
  }
  return true;
}

void AccessLogFile::Adopt(int fd) {
  struct stat status = {};
  is_file_ = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  is_torn_ = false;
  fd_ = fd;
}

void AccessLogFile::DoReopen() {
  if (path_ == "-") return;
  const int fd = OpenPath(path_);
  if (fd < 0) return Complain("access_log_not_reopened", errno);
  close(fd_);
  Adopt(fd);
}

// It may happen for each chunk.
void AccessLogFile::Complain(const char* what, int error) {
  if (clock_.Now() < complained_at_ + kComplaintInterval) return;
  complained_at_ = clock_.Now();
  Log(LogLevel::kError, what, {{"file", path_}, {"error", std::strerror(error)}});
}

}  // namespace spawner::proxy
