#ifndef SPAWNER_BASE_BEARER_FILE_H_
#define SPAWNER_BASE_BEARER_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"

namespace spawner {

inline constexpr size_t kBearerBytesMax = 16 << 10;

// Whether it may stand in a header (RFC 6750 2.1, generously).
bool IsBearerToken(absl::string_view text);

// The token in a file, such as that of a ServiceAccount, which kubelet rotates long before the old
// one expires: it is read again once a minute at most.
// Thread: its owner's.
class BearerFile {
 public:
  explicit BearerFile(std::string path) : path_(std::move(path)) {}

  // Empty: there is no path. UNAUTHENTICATED: the file can't be read or holds no token, and never
  // did; later failures keep the last token.
  absl::StatusOr<std::string> Get(Instant now);
  // The token was refused: the next Get reads the file.
  void Refused() { read_again_at_ = Instant{}; }

 private:
  absl::StatusOr<std::string> Read() const;

  std::string path_;
  std::string token_;
  Instant read_again_at_{};
};

}  // namespace spawner

#endif  // SPAWNER_BASE_BEARER_FILE_H_
