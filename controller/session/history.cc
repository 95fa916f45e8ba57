#include "controller/session/history.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/json.h"
#include "base/status.h"
#include "controller/session/limits.h"

namespace spawner {
namespace {

constexpr size_t kHeadBytes = sizeof(int64_t) + 2;
static_assert(kCauseBytesMax < 256, "its size is one byte");

size_t SizeAt(const std::string& packed, size_t at) {
  return kHeadBytes + static_cast<unsigned char>(packed[at + kHeadBytes - 1]);
}

// Between two characters of UTF-8.
absl::string_view Cut(absl::string_view text) {
  if (text.size() <= kCauseBytesMax) return text;
  size_t size = kCauseBytesMax;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  return text.substr(0, size);
}

std::optional<SessionState> StateOf(const Json& number) {
  if (!number.is_number_integer()) return std::nullopt;
  const int64_t value = number.get<int64_t>();
  if (value < static_cast<int64_t>(SessionState::kPending) ||
      value > static_cast<int64_t>(SessionState::kTerminated)) {
    return std::nullopt;
  }
  return static_cast<SessionState>(value);
}

std::optional<Transition> StepOf(const Json& entry) {
  if (!entry.is_array() || entry.size() != 4) return std::nullopt;
  const auto from = StateOf(entry[1]);
  const auto to = StateOf(entry[2]);
  if (!entry[0].is_number_integer() || !from || !to || !entry[3].is_string()) return std::nullopt;
  return Transition{absl::FromUnixMillis(entry[0].get<int64_t>()), *from, *to,
                    entry[3].get<std::string>()};
}

}  // namespace

void History::Add(const Transition& step) {
  const absl::string_view cause = Cut(step.cause);
  const int64_t time = absl::ToUnixMillis(step.time);
  char head[kHeadBytes];
  std::memcpy(head, &time, sizeof(time));
  head[sizeof(time)] =
      static_cast<char>((static_cast<int>(step.from) << 4) | static_cast<int>(step.to));
  head[sizeof(time) + 1] = static_cast<char>(cause.size());
  size_t steps = 1;
  for (size_t at = 0; at < packed_.size(); at += SizeAt(packed_, at)) ++steps;
  size_t dropped = 0;
  while (dropped < packed_.size() &&
         (steps > kTransitionsMax ||
          packed_.size() - dropped + kHeadBytes + cause.size() > kHistoryBytesMax)) {
    dropped += SizeAt(packed_, dropped);
    --steps;
  }
  packed_.erase(0, dropped);
  packed_.append(head, kHeadBytes);
  packed_.append(cause.data(), cause.size());
  packed_.shrink_to_fit();  // seldom changed, and there are very many
}

std::vector<Transition> History::Steps() const {
  std::vector<Transition> steps;
  for (size_t at = 0; at < packed_.size(); at += SizeAt(packed_, at)) {
    int64_t time = 0;
    std::memcpy(&time, packed_.data() + at, sizeof(time));
    const int states = static_cast<unsigned char>(packed_[at + sizeof(time)]);
    steps.push_back({absl::FromUnixMillis(time), static_cast<SessionState>(states >> 4),
                     static_cast<SessionState>(states & 15),
                     packed_.substr(at + kHeadBytes, SizeAt(packed_, at) - kHeadBytes)});
  }
  return steps;
}

std::optional<SessionState> History::last_state() const {
  if (packed_.empty()) return std::nullopt;
  size_t last = 0;
  for (size_t at = 0; at < packed_.size(); at += SizeAt(packed_, at)) last = at;
  return static_cast<SessionState>(static_cast<unsigned char>(packed_[last + sizeof(int64_t)]) &
                                   15);
}

std::string History::Encode() const {
  Json entries = Json::array();
  for (const Transition& step : Steps()) {
    entries.push_back({absl::ToUnixMillis(step.time), static_cast<int>(step.from),
                       static_cast<int>(step.to), step.cause});
  }
  return JsonText(entries);
}

absl::Status History::Load(absl::string_view text) {
  ASSIGN_OR_RETURN(const Json entries, ParseJson(text));
  if (!entries.is_array()) return absl::InvalidArgumentError("history: not an array");
  History loaded;
  for (const Json& entry : entries) {
    const std::optional<Transition> step = StepOf(entry);
    if (!step.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("history: no step: ", JsonText(entry).substr(0, 100)));
    }
    loaded.Add(*step);
  }
  *this = std::move(loaded);
  return absl::OkStatus();
}

}  // namespace spawner
