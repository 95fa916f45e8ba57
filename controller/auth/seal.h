#ifndef SPAWNER_CONTROLLER_AUTH_SEAL_H_
#define SPAWNER_CONTROLLER_AUTH_SEAL_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "controller/auth/caller.h"

namespace spawner::auth {

// What one controller tells another when it forwards a call: who made it, and that this caller may.
// Sealed with a secret that only the controllers of the installation have; good for kSealGoodFor,
// and for one request: `request` is the hash of its type and bytes.
std::string MakeSeal(const Caller& caller, absl::string_view request,
                     absl::string_view install_secret, absl::Time now);
// TOKEN_INVALID: it is none of ours, for another request, or too old.
absl::StatusOr<CallerPtr> OpenSeal(absl::string_view seal, absl::string_view request,
                                   absl::string_view install_secret, absl::Time now);

}  // namespace spawner::auth

#endif  // SPAWNER_CONTROLLER_AUTH_SEAL_H_
