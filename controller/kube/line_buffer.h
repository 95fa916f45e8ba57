#ifndef SPAWNER_CONTROLLER_KUBE_LINE_BUFFER_H_
#define SPAWNER_CONTROLLER_KUBE_LINE_BUFFER_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace spawner::kube {

// Cuts a stream that comes in chunks of any size into lines.
//   RETURN_IF_ERROR(lines.Append(chunk));
//   for (absl::string_view line; lines.Next(line);) ...
class LineBuffer {
 public:
  explicit LineBuffer(size_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}

  // RESOURCE_EXHAUSTED if what is left unread has grown over the longest line.
  absl::Status Append(absl::string_view chunk);
  // The next complete line without its '\n', valid until the next Append or Clear.
  bool Next(absl::string_view& line);
  void Clear();

 private:
  const size_t line_bytes_max_;
  std::string buffer_;
  size_t begin_ = 0;    // of the first unread line
  size_t scanned_ = 0;  // no '\n' in [begin_, scanned_)
};

}  // namespace spawner::kube

#endif  // SPAWNER_CONTROLLER_KUBE_LINE_BUFFER_H_
