#ifndef SPAWNER_BASE_LOG_H_
#define SPAWNER_BASE_LOG_H_

#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/strings/string_view.h"

namespace spawner {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// One value of a log line, already in JSON.
class LogField {
 public:
  LogField(absl::string_view key, absl::string_view value);
  LogField(absl::string_view key, const char* value) : LogField(key, absl::string_view(value)) {}
  LogField(absl::string_view key, const std::string& value)
      : LogField(key, absl::string_view(value)) {}
  LogField(absl::string_view key, bool value);
  LogField(absl::string_view key, double value);
  LogField(absl::string_view key, int value) : LogField(key, static_cast<int64_t>(value)) {}
  LogField(absl::string_view key, int64_t value);
  LogField(absl::string_view key, uint32_t value) : LogField(key, static_cast<int64_t>(value)) {}
  LogField(absl::string_view key, uint64_t value);

  const std::string& json() const { return json_; }

 private:
  std::string json_;  // "key":value
};

// Writes one line of JSON to stderr in one write(2): any thread. The event is a past fact in
// snake_case. Nothing per request at kInfo; never tokens, cookies or bodies.
//   Log(LogLevel::kInfo, "pod_ready", {{"session", id}, {"start_ms", 812}});
void Log(LogLevel level, absl::string_view event, std::initializer_list<LogField> fields = {});

// Lines below `level` are dropped. Default kInfo. Set once, at start.
void SetLogLevel(LogLevel level);
// False for any text but debug, info, warning, error.
bool ParseLogLevel(absl::string_view text, LogLevel* level);

}  // namespace spawner

#endif  // SPAWNER_BASE_LOG_H_
