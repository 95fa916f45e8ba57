#ifndef SPAWNER_CONTROLLER_LOCAL_WATCH_STREAM_H_
#define SPAWNER_CONTROLLER_LOCAL_WATCH_STREAM_H_

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "controller/local/api_error.h"
#include "controller/local/api_path.h"
#include "controller/local/object_store.h"
#include "controller/local/selector.h"

namespace spawner::local {

// One watch: a place in the store's changes, and what to tell of them. Keeps no queue: what it has
// not sent yet is the store's history, and if that is gone, it ends with 410.
class WatchStream {
 public:
  static ApiResult<WatchStream> Open(const ApiPath& path, const ObjectStore& store, Random& random,
                                     Instant now);

  struct Output {
    std::string text;  // whole events, a line each; may be empty
    bool is_over = false;
  };
  // What is due at `now`.
  Output Take(const ObjectStore& store, Instant now);
  // When Take has something to say even if nothing changes.
  Instant NextWake() const;
  bool HasNews(const ObjectStore& store) const { return version_ < store.version(); }

 private:
  WatchStream() = default;
  void AppendState(const ObjectStore& store, std::string& text) const;
  void AppendChange(const Change& change, std::string& text) const;
  void AppendBookmark(bool is_initial_end, std::string& text) const;
  bool IsMine(const ObjectKey& key) const;

  Resource resource_ = Resource::kPods;
  std::string ns_;
  std::string name_;  // empty: all
  Selector selector_;
  uint64_t version_ = 0;       // all up to this one is sent
  bool is_state_due_ = false;  // starts with the present state, as ADDED events
  bool is_initial_end_due_ = false;
  bool has_bookmarks_ = false;
  Instant next_bookmark_;
  Instant end_;
};

}  // namespace spawner::local

#endif  // SPAWNER_CONTROLLER_LOCAL_WATCH_STREAM_H_
