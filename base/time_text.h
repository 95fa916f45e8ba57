#ifndef SPAWNER_BASE_TIME_TEXT_H_
#define SPAWNER_BASE_TIME_TEXT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// Times as text, as Kubernetes writes them (RFC 3339, UTC).
namespace spawner {

// "2026-01-02T03:04:05Z", with a fraction and an offset if there are. INVALID_ARGUMENT otherwise.
absl::StatusOr<absl::Time> ParseRfc3339(absl::string_view text);

// "2026-01-02T03:04:05Z": metav1.Time. Whole seconds, rounded down.
std::string FormatRfc3339(absl::Time time);
// "2026-01-02T03:04:05.000006Z": metav1.MicroTime.
std::string FormatRfc3339Micros(absl::Time time);

}  // namespace spawner

#endif  // SPAWNER_BASE_TIME_TEXT_H_
