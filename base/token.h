#ifndef SPAWNER_BASE_TOKEN_H_
#define SPAWNER_BASE_TOKEN_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/crypto.h"
#include "base/ids.h"

// A grant: the right of one user to connect to one session until a time, as a JWT (RFC 7519) signed
// with Ed25519 (RFC 8037). The controller signs; proxies hold public keys only.
namespace spawner {

// Fits into a cookie beside its name and attributes (RFC 6265 6.1: 4,096 bytes).
inline constexpr size_t kTokenBytesMax = 3800;
inline constexpr size_t kClaimsBytesMax = 2048;  // as JSON text
inline constexpr size_t kUserBytesMax = 256;
// A one-time token lives no longer: for so long its use has to be remembered.
inline constexpr absl::Duration kOneTimeTtlMax = absl::Seconds(60);

struct Grant {
  std::string id;     // jti; what a revocation names
  std::string ns;     // "ns"
  SessionId session;  // "sid"
  std::string user;   // sub; may be empty. UTF-8 without control characters.
  // "claims": a JSON object, in printable ASCII, so that it can be a header's value. "{}" is left
  // out of the token, so that an empty text and "{}" are the same grant.
  std::string claims_json = "{}";
  absl::Time issued_at;   // iat; whole seconds
  absl::Time expires_at;  // exp; whole seconds. Not valid at this moment any more.
  // "one": good for one use, which the leader of this term (its leadership number) has to confirm.
  // 0: for any number of them; left out of the token.
  uint32_t one_time_in = 0;

  bool operator==(const Grant&) const = default;
};

struct SigningKey {
  std::string id;  // kid
  Ed25519KeyPair pair;
};

struct VerificationKey {
  std::string id;
  std::string public_key;  // 32 bytes
  // Of RenewalSecret; empty: proxies can't renew what this key signed. Secret, never logged.
  std::string renewal_secret = {};

  bool operator==(const VerificationKey&) const = default;
};

// The same grant and key give the same token. INVALID_FIELD if the user or the claims are over
// their limits or malformed (as "grant.claims"), or the token would be longer than kTokenBytesMax.
absl::StatusOr<std::string> SignGrant(const Grant& grant, const SigningKey& key);

// What proxies mark cookies with so that they outlive the token in them: decision 0007. It signs no
// grant, and nothing about the key's private half can be learned from it.
std::string RenewalSecret(const SigningKey& key);

// The key that a token's header names, which is cheap to find out; null if it is none of ours.
const VerificationKey* KeyNamedBy(absl::string_view token,
                                  const std::vector<VerificationKey>& keys);

// UNAUTHENTICATED / TOKEN_INVALID for anything that SignGrant did not make with one of `keys`;
// UNAUTHENTICATED / TOKEN_EXPIRED if it did and `now` is not before `expires_at`. The caller checks
// that ns and session are those of the route. Messages hold nothing of the token.
absl::StatusOr<Grant> VerifyGrant(absl::string_view token, const std::vector<VerificationKey>& keys,
                                  absl::Time now);

}  // namespace spawner

#endif  // SPAWNER_BASE_TOKEN_H_
