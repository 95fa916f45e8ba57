#ifndef SPAWNER_CONTROLLER_LOCAL_POD_LOG_H_
#define SPAWNER_CONTROLLER_LOCAL_POD_LOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace spawner::local {

// The newest output of one pod, by lines: at most kLogBytesMax.
class PodLog {
 public:
  void Append(absl::string_view bytes, absl::Time now);
  // The last line needs no newline any more.
  void Close(absl::Time now);
  bool is_closed() const { return is_closed_; }

  struct Query {
    std::optional<uint64_t> tail_lines;
    std::optional<absl::Time> since;
    uint64_t from_line = 0;  // lines before this number are not wanted
    bool has_times = false;  // each line begins with its time
  };
  std::string Read(const Query& query) const;
  // The number of the line that comes next: `from_line` of a follower.
  uint64_t next_line() const { return first_line_ + lines_.size(); }

 private:
  struct Line {
    absl::Time time;
    std::string text;  // with its newline
  };
  void Push(absl::Time now);

  std::deque<Line> lines_;
  uint64_t first_line_ = 0;  // number of lines_.front()
  size_t size_bytes_ = 0;
  std::string partial_;
  bool is_closed_ = false;
};

}  // namespace spawner::local

#endif  // SPAWNER_CONTROLLER_LOCAL_POD_LOG_H_
