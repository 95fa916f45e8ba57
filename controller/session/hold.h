#ifndef SPAWNER_CONTROLLER_SESSION_HOLD_H_
#define SPAWNER_CONTROLLER_SESSION_HOLD_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace spawner {

// The pod annotation that keeps a session's holds.
constexpr char kHoldsNote[] = "spawner.dev/holds";
// The owner of what the session's own process asks for.
constexpr char kBackendOwner[] = "backend";

// A reason to stay alive without a connection: Hold of session.proto. A value.
struct Hold {
  std::string owner;  // its identity
  std::string reason;
  absl::Time create_time;
  absl::Time expire_time;

  bool operator==(const Hold&) const = default;
};

// JSON for the annotation. No holds: "", which removes it. Decode(Encode(h)) == h, to the
// microsecond.
std::string EncodeHolds(const std::vector<Hold>& holds);
// INVALID_ARGUMENT for what is no such text, or beyond the limits (limits.h) that holds have.
absl::StatusOr<std::vector<Hold>> DecodeHolds(absl::string_view text);

}  // namespace spawner

#endif  // SPAWNER_CONTROLLER_SESSION_HOLD_H_
