#ifndef SPAWNER_PROXY_H2_STREAM_HISTORY_H_
#define SPAWNER_PROXY_H2_STREAM_HISTORY_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace spawner::proxy::h2 {

// What is remembered of streams that are gone, where nghttp2 does not tell a frame that came late
// from one that must not come at all (RFC 9113 5.1, 5.1.1). Only the last few: a client that breaks
// the rule with an older one is ignored.
class StreamHistory {
 public:
  // A HEADERS frame with an id above all before it opens its stream, and closes those it skipped.
  bool IsNew(int32_t id) const { return id > last_; }
  void OnOpened(int32_t id) {
    if (id > last_ + 2) {
      skipped_[next_skipped_] = {last_ + 2, id - 2};
      next_skipped_ = (next_skipped_ + 1) % skipped_.size();
    }
    last_ = id;
  }
  // Its client has ended or reset it: no HEADERS or DATA can be on their way.
  void OnClientDone(int32_t id) {
    done_[next_done_] = id;
    next_done_ = (next_done_ + 1) % done_.size();
  }

  bool IsDone(int32_t id) const { return std::find(done_.begin(), done_.end(), id) != done_.end(); }
  bool IsSkipped(int32_t id) const {
    return std::any_of(skipped_.begin(), skipped_.end(),
                       [id](const Range& range) { return range.first <= id && id <= range.last; });
  }

 private:
  struct Range {
    int32_t first = 0;
    int32_t last = -1;
  };
  int32_t last_ = -1;
  std::array<int32_t, 16> done_{};
  std::array<Range, 4> skipped_{};
  size_t next_done_ = 0;
  size_t next_skipped_ = 0;
};

}  // namespace spawner::proxy::h2

#endif  // SPAWNER_PROXY_H2_STREAM_HISTORY_H_
