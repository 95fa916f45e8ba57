#ifndef SPAWNER_CONTROLLER_API_FAKE_LOGS_H_
#define SPAWNER_CONTROLLER_API_FAKE_LOGS_H_

#include <map>
#include <utility>

#include "controller/core/log_source.h"

namespace spawner::api {

// A core::LogSource whose logs a test writes: Text and End in place of an API server. Thread: the
// loop's; a test looks in by running on it (FakeLoop::Run).
class FakeLogs final : public core::LogSource {
 public:
  struct Open {
    core::LogQuery query;
    core::LogReader* reader = nullptr;
    bool is_paused = false;
  };

  ReadId Start(const core::LogQuery& query, core::LogReader* reader) override {
    open.emplace(++last_id, Open{query, reader});
    return last_id;
  }
  void Cancel(ReadId id) override { open.erase(id); }
  void SetPaused(ReadId id, bool is_paused) override {
    if (const auto it = open.find(id); it != open.end()) it->second.is_paused = is_paused;
  }

  void Text(absl::string_view text) { open.at(last_id).reader->OnLogText(text); }
  void End(const absl::Status& status) {
    core::LogReader* const reader = open.at(last_id).reader;
    open.erase(last_id);
    reader->OnLogEnd(status);
  }

  std::map<ReadId, Open> open;
  ReadId last_id = 0;
};

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_FAKE_LOGS_H_
