#include "cli/progress.h"

#include "absl/strings/str_cat.h"

namespace spawner::cli {

void Progress::OnWait(absl::string_view what, absl::Duration waited) {
  std::string detail = detail_ ? detail_() : "";
  if (detail.empty()) detail = absl::StrCat("waiting for ", address_);
  const std::string line = absl::StrCat(what, ": ", detail);
  const std::string seconds = absl::StrCat(" (", absl::ToInt64Seconds(waited), " s)");
  if (surroundings_.is_error_terminal) {
    surroundings_.err(absl::StrCat("\r\x1b[K", line, seconds));
    has_line_ = true;
    return;
  }
  // In a log of a build server a line a second is noise: each silence is twice as long.
  if (line == last_ && waited < next_) return;
  next_ = line == last_ ? waited * 2 : waited + absl::Seconds(2);
  last_ = line;
  surroundings_.err(absl::StrCat(line, seconds, "\n"));
}

void Progress::Clear() {
  if (!has_line_) return;
  has_line_ = false;
  surroundings_.err("\r\x1b[K");
}

}  // namespace spawner::cli
