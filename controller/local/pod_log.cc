#include "controller/local/pod_log.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/time_text.h"
#include "controller/local/limits.h"

namespace spawner::local {
namespace {

constexpr size_t kLineBytesMax = 16 * 1024;  // as the CRI: longer ones are cut into several

}  // namespace

void PodLog::Append(absl::string_view bytes, absl::Time now) {
  for (const char c : bytes) {
    partial_.push_back(c);
    if (c == '\n' || partial_.size() >= kLineBytesMax) Push(now);
  }
}

void PodLog::Close(absl::Time now) {
  if (!partial_.empty()) Push(now);
  is_closed_ = true;
}

void PodLog::Push(absl::Time now) {
  if (partial_.back() != '\n') partial_.push_back('\n');
  size_bytes_ += partial_.size();
  lines_.push_back({now, std::exchange(partial_, {})});
  while (size_bytes_ > kLogBytesMax) {
    size_bytes_ -= lines_.front().text.size();
    lines_.pop_front();
    ++first_line_;
  }
}

std::string PodLog::Read(const Query& query) const {
  size_t begin = 0;
  if (query.from_line > first_line_) begin = query.from_line - first_line_;
  if (query.tail_lines && *query.tail_lines < lines_.size()) {
    begin = std::max(begin, lines_.size() - static_cast<size_t>(*query.tail_lines));
  }
  std::string text;
  for (size_t i = begin; i < lines_.size(); ++i) {
    if (query.since && lines_[i].time < *query.since) continue;
    if (query.has_times) absl::StrAppend(&text, FormatRfc3339Micros(lines_[i].time), " ");
    text += lines_[i].text;
  }
  return text;
}

}  // namespace spawner::local
