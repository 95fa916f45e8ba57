#ifndef SPAWNER_BASE_CRYPTO_H_
#define SPAWNER_BASE_CRYPTO_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// The few primitives both towers need, over OpenSSL 3, and for Ed25519 over
// libsodium, which signs in half the time. Keys are raw bytes (RFC 8032).
namespace spawner {

std::string Sha256(absl::string_view bytes);  // 32 bytes
std::string Sha1(absl::string_view bytes);    // 20 bytes; for RFC 6455's handshake only
std::string HmacSha256(absl::string_view key, absl::string_view bytes);  // 32 bytes
std::string Base32Lower(absl::string_view bytes);                        // a-z2-7, no padding
bool EqualInConstantTime(absl::string_view a, absl::string_view b);

struct Ed25519KeyPair {
  std::string private_seed;  // 32 bytes, secret
  std::string public_key;    // 32 bytes
};

// `seed` is 32 random bytes. INVALID_ARGUMENT if it is not 32 bytes.
absl::StatusOr<Ed25519KeyPair> Ed25519FromSeed(absl::string_view seed);
// 64 bytes. `pair` is from Ed25519FromSeed. INTERNAL if it is not.
absl::StatusOr<std::string> Ed25519Sign(const Ed25519KeyPair& pair, absl::string_view message);
// False for anything malformed: a signature comes from outside.
bool Ed25519Verify(absl::string_view public_key, absl::string_view message,
                   absl::string_view signature);

}  // namespace spawner

#endif  // SPAWNER_BASE_CRYPTO_H_
