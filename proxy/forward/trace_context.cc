#include "proxy/forward/trace_context.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace spawner::proxy {
namespace {

// Lower case only (W3C 3.2.2).
bool IsHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsZero(absl::string_view text) {
  return text.find_first_not_of('0') == absl::string_view::npos;
}

}  // namespace

absl::string_view TraceIdIn(absl::string_view traceparent) {
  constexpr size_t kSize = 55;
  if (traceparent.size() < kSize) return {};
  const absl::string_view version = traceparent.substr(0, 2);
  const absl::string_view trace = traceparent.substr(3, 32);
  const absl::string_view parent = traceparent.substr(36, 16);
  const bool has_dashes = traceparent[2] == '-' && traceparent[35] == '-' && traceparent[52] == '-';
  if (!has_dashes || !IsHex(version) || version == "ff" || !IsHex(trace) || !IsHex(parent) ||
      !IsHex(traceparent.substr(53, 2)) || IsZero(trace) || IsZero(parent)) {
    return {};
  }
  // A later version may say more, behind a dash.
  if (traceparent.size() == kSize) return trace;
  return version != "00" && traceparent[kSize] == '-' ? trace : absl::string_view();
}

std::string NewTraceparent(Random& random) {
  // Neither id may be zero.
  return absl::StrFormat("00-%016x%016x-%016x-01", random.Next(), random.Next() | 1,
                         random.Next() | 1);
}

}  // namespace spawner::proxy
