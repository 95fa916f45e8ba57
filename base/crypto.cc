#include "base/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <sodium.h>

#include <algorithm>

#include "base/check.h"

namespace spawner {
namespace {

constexpr size_t kKeyBytes = crypto_sign_SEEDBYTES;    // 32: RFC 8032 5.1.5
constexpr size_t kSignatureBytes = crypto_sign_BYTES;  // 64: RFC 8032 5.1.6
static_assert(crypto_sign_PUBLICKEYBYTES == kKeyBytes);
static_assert(crypto_sign_SECRETKEYBYTES == 2 * kKeyBytes);

const unsigned char* Bytes(absl::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}

unsigned char* Bytes(std::string* s) { return reinterpret_cast<unsigned char*>(s->data()); }

// libsodium chooses by the processor, once.
void Begin() {
  static const bool is_ready = sodium_init() >= 0;
  SPAWNER_CHECK(is_ready);
}

}  // namespace

std::string Sha256(absl::string_view bytes) {
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  SHA256(Bytes(bytes), bytes.size(), Bytes(&out));
  return out;
}

std::string Sha1(absl::string_view bytes) {
  std::string out(SHA_DIGEST_LENGTH, '\0');
  SHA1(Bytes(bytes), bytes.size(), Bytes(&out));
  return out;
}

std::string HmacSha256(absl::string_view key, absl::string_view bytes) {
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  unsigned int length = 0;
  SPAWNER_CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), Bytes(bytes),
                     bytes.size(), Bytes(&out), &length) != nullptr);
  return out;
}

std::string Base32Lower(absl::string_view bytes) {
  std::string out;
  uint32_t buffer = 0;
  int bits = 0;
  for (const char c : bytes) {
    buffer = buffer << 8 | static_cast<unsigned char>(c);
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out.push_back("abcdefghijklmnopqrstuvwxyz234567"[buffer >> bits & 31]);
    }
  }
  if (bits > 0) out.push_back("abcdefghijklmnopqrstuvwxyz234567"[buffer << (5 - bits) & 31]);
  return out;
}

bool EqualInConstantTime(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

absl::StatusOr<Ed25519KeyPair> Ed25519FromSeed(absl::string_view seed) {
  if (seed.size() != kKeyBytes) return absl::InvalidArgumentError("an Ed25519 seed has 32 bytes");
  Begin();
  Ed25519KeyPair pair{std::string(seed), std::string(kKeyBytes, '\0')};
  unsigned char both[2 * kKeyBytes];
  SPAWNER_CHECK(crypto_sign_seed_keypair(Bytes(&pair.public_key), both, Bytes(seed)) == 0);
  sodium_memzero(both, sizeof(both));
  return pair;
}

absl::StatusOr<std::string> Ed25519Sign(const Ed25519KeyPair& pair, absl::string_view message) {
  if (pair.private_seed.size() != kKeyBytes || pair.public_key.size() != kKeyBytes) {
    return absl::InternalError("sign: the Ed25519 key is none");
  }
  Begin();
  unsigned char both[2 * kKeyBytes];  // libsodium's form of a secret key
  std::copy(pair.private_seed.begin(), pair.private_seed.end(), both);
  std::copy(pair.public_key.begin(), pair.public_key.end(), both + kKeyBytes);
  std::string signature(kSignatureBytes, '\0');
  SPAWNER_CHECK(
      crypto_sign_detached(Bytes(&signature), nullptr, Bytes(message), message.size(), both) == 0);
  sodium_memzero(both, sizeof(both));
  return signature;
}

bool Ed25519Verify(absl::string_view public_key, absl::string_view message,
                   absl::string_view signature) {
  if (public_key.size() != kKeyBytes || signature.size() != kSignatureBytes) return false;
  Begin();
  return crypto_sign_verify_detached(Bytes(signature), Bytes(message), message.size(),
                                     Bytes(public_key)) == 0;
}

}  // namespace spawner
