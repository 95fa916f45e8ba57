#ifndef SPAWNER_CONTROLLER_API_KEY_RING_H_
#define SPAWNER_CONTROLLER_API_KEY_RING_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/random.h"
#include "base/token.h"

namespace spawner::api {

// A key that signs no more; what it signed counts until `retire_time`.
struct FormerKey {
  SigningKey key;
  absl::Time retire_time;  // whole seconds
};

// The secrets of one installation.
struct KeyRing {
  SigningKey signing;                         // what new grants are signed with
  std::vector<FormerKey> former;              // the newest last
  std::vector<VerificationKey> verification;  // every key that still counts, `signing` among them
  std::string install_secret;                 // 32 bytes; session ids are HMACs under it
};

KeyRing MakeKeyRing(Random& random);

// With a new signing key. Those before count for `overlap` more at the most; none if that is zero.
KeyRing Rotate(const KeyRing& ring, absl::Duration overlap, absl::Time now, Random& random);
// Drops the keys whose time is over. Returns when the next one's is; InfiniteFuture: none's.
absl::Time Retire(KeyRing& ring, absl::Time now);

// As a core/v1 Secret of that name. Its data: "active" (the signing key's id), "ed25519.{id}" (the
// 32-byte seed of a key), "retire.{id}" (of one that signs no more: when it stops counting, in
// seconds since 1970), "install-secret".
std::string EncodeSecret(const KeyRing& ring, absl::string_view ns, absl::string_view name);
// The Secret `json`, as Kubernetes holds it, with these keys instead: for a PUT, whose precondition
// is the resourceVersion in it.
absl::StatusOr<std::string> UpdateSecret(absl::string_view json, const KeyRing& ring);
// INVALID_ARGUMENT names what is missing or malformed; never its value.
absl::StatusOr<KeyRing> DecodeSecret(absl::string_view json);

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_KEY_RING_H_
