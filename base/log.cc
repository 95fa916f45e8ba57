#include "base/log.h"

#include <unistd.h>

#include <atomic>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace spawner {
namespace {

// Relaxed: a level read a moment late drops or keeps one line.
std::atomic<LogLevel> min_level{LogLevel::kInfo};

void AppendQuoted(absl::string_view text, std::string* out) {
  out->push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      absl::StrAppendFormat(out, "\\u%04x", static_cast<unsigned>(c));
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

std::string Quoted(absl::string_view key) {
  std::string out;
  AppendQuoted(key, &out);
  out.push_back(':');
  return out;
}

absl::string_view Name(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

}  // namespace

LogField::LogField(absl::string_view key, absl::string_view value) : json_(Quoted(key)) {
  AppendQuoted(value, &json_);
}
LogField::LogField(absl::string_view key, bool value)
    : json_(absl::StrCat(Quoted(key), value ? "true" : "false")) {}
LogField::LogField(absl::string_view key, double value) : json_(absl::StrCat(Quoted(key), value)) {}
LogField::LogField(absl::string_view key, int64_t value)
    : json_(absl::StrCat(Quoted(key), value)) {}
LogField::LogField(absl::string_view key, uint64_t value)
    : json_(absl::StrCat(Quoted(key), value)) {}

void Log(LogLevel level, absl::string_view event, std::initializer_list<LogField> fields) {
  if (level < min_level.load(std::memory_order_relaxed)) return;
  std::string line = absl::StrCat(
      "{\"time\":\"", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone()),
      "\",\"level\":\"", Name(level), "\",", Quoted("event"));
  AppendQuoted(event, &line);
  for (const LogField& field : fields) absl::StrAppend(&line, ",", field.json());
  line.append("}\n");
  // A lost log line must not end the program; there is nowhere left to say so.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

void SetLogLevel(LogLevel level) { min_level.store(level, std::memory_order_relaxed); }

bool ParseLogLevel(absl::string_view text, LogLevel* level) {
  for (const LogLevel candidate :
       {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning, LogLevel::kError}) {
    if (text == Name(candidate)) {
      *level = candidate;
      return true;
    }
  }
  return false;
}

}  // namespace spawner
