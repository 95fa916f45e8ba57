#ifndef SPAWNER_CONTROLLER_API_KEY_RING_H_
#define SPAWNER_CONTROLLER_API_KEY_RING_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/random.h"
#include "base/token.h"

namespace spawner::api {

// The secrets of one installation.
struct KeyRing {
  SigningKey signing;                         // what new grants are signed with
  std::vector<VerificationKey> verification;  // every key that still counts, `signing` among them
  std::string install_secret;                 // 32 bytes; session ids are HMACs under it
};

KeyRing MakeKeyRing(Random& random);

// As a core/v1 Secret of that name. Its data: "active" (the signing key's id), "ed25519.{id}" (the
// 32-byte seed of a key), "install-secret".
std::string EncodeSecret(const KeyRing& ring, absl::string_view ns, absl::string_view name);
// INVALID_ARGUMENT names what is missing or malformed; never its value.
absl::StatusOr<KeyRing> DecodeSecret(absl::string_view json);

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_KEY_RING_H_
