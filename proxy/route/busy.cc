#include "proxy/route/busy.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "proxy/route/limits.h"

namespace spawner::proxy {

std::optional<Busy> ParseBusy(absl::string_view value) {
  const size_t end = value.find(';');
  uint32_t seconds = 0;
  if (!absl::SimpleAtoi(value.substr(0, end), &seconds) || seconds > kBusySecondsMax) {
    return std::nullopt;
  }
  Busy busy;
  busy.ttl = absl::Seconds(seconds);
  if (end != absl::string_view::npos) {
    const absl::string_view reason = absl::StripAsciiWhitespace(value.substr(end + 1));
    if (reason.size() > kBusyReasonBytesMax) return std::nullopt;
    // It becomes text of the API, which is UTF-8: what is no ASCII is shown as '?'.
    for (const char c : reason) busy.reason.push_back(absl::ascii_isprint(c) ? c : '?');
  }
  return busy;
}

}  // namespace spawner::proxy
