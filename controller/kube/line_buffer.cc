#include "controller/kube/line_buffer.h"

#include "absl/strings/str_cat.h"

namespace spawner::kube {

absl::Status LineBuffer::Append(absl::string_view chunk) {
  buffer_.erase(0, begin_);
  scanned_ -= begin_;
  begin_ = 0;
  // A chunk may end a line that is just short enough: only an unfinished one is refused.
  if (buffer_.size() > line_bytes_max_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a line of more than ", line_bytes_max_, " bytes"));
  }
  absl::StrAppend(&buffer_, chunk);
  return absl::OkStatus();
}

bool LineBuffer::Next(absl::string_view& line) {
  const size_t end = buffer_.find('\n', scanned_);
  if (end == std::string::npos) {
    scanned_ = buffer_.size();
    return false;
  }
  line = absl::string_view(buffer_).substr(begin_, end - begin_);
  begin_ = scanned_ = end + 1;
  return true;
}

void LineBuffer::Clear() {
  buffer_.clear();
  begin_ = scanned_ = 0;
}

}  // namespace spawner::kube
