#include "base/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace spawner {
namespace {

constexpr size_t kReadBytes = 64 * 1024;

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t bytes_max) {
  const auto fail = [&path](int error) {
    return absl::ErrnoToStatus(error, absl::StrCat("read ", path));
  };
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(errno);
  const absl::Cleanup close_fd = [fd] { close(fd); };
  std::string text;
  size_t size = 0;
  while (size <= bytes_max) {
    text.resize(size + std::min(kReadBytes, bytes_max + 1 - size));
    const ssize_t got = read(fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(errno);
    if (got == 0) {
      text.resize(size);
      return text;
    }
    size += static_cast<size_t>(got);
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("read ", path, ": more than ", bytes_max, " bytes"));
}

}  // namespace spawner
