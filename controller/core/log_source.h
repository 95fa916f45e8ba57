#ifndef SPAWNER_CONTROLLER_CORE_LOG_SOURCE_H_
#define SPAWNER_CONTROLLER_CORE_LOG_SOURCE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// What the edge asks for a backend's output. All on the loop's thread. PodLogs implements it; the
// edge's tests fake it.
namespace spawner::core {

struct LogQuery {
  std::string ns;
  std::string pod;
  std::string container;              // empty: "backend"
  bool follow = false;                // go on until the backend exits
  std::optional<int64_t> tail_lines;  // only the last ones
  absl::Duration since;               // only what is younger; 0: all. Whole seconds, rounded up
  absl::Duration delay;               // before asking, for who asks again
};

// Gets one log. May cancel from within a call.
class LogReader {
 public:
  virtual ~LogReader() = default;
  virtual void OnLogText(absl::string_view text) = 0;
  // The last call. OK: that was all. FAILED_PRECONDITION / LOG_UNAVAILABLE: no container has
  // started yet, or its pod is gone, and the log with it.
  virtual void OnLogEnd(const absl::Status& status) = 0;
};

class LogSource {
 public:
  using ReadId = uint64_t;

  virtual ~LogSource() = default;
  // `reader` outlives OnLogEnd or the call of Cancel; it is never called from within Start.
  virtual ReadId Start(const LogQuery& query, LogReader* reader) = 0;
  virtual void Cancel(ReadId id) = 0;
  // While paused, hardly anything comes, and nothing is kept for it here.
  virtual void SetPaused(ReadId id, bool is_paused) = 0;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_LOG_SOURCE_H_
