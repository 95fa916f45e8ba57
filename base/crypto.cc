#include "base/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <memory>

#include "base/check.h"

namespace spawner {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

constexpr size_t kKeyBytes = 32;        // RFC 8032 5.1.5
constexpr size_t kSignatureBytes = 64;  // RFC 8032 5.1.6

const unsigned char* Bytes(absl::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}

unsigned char* Bytes(std::string* s) { return reinterpret_cast<unsigned char*>(s->data()); }

Key PrivateKey(absl::string_view seed) {
  return {seed.size() == kKeyBytes
              ? EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, Bytes(seed), seed.size())
              : nullptr,
          EVP_PKEY_free};
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
  Key key = PrivateKey(seed);
  if (key == nullptr) return absl::InvalidArgumentError("an Ed25519 seed has 32 bytes");
  Ed25519KeyPair pair{std::string(seed), std::string(kKeyBytes, '\0'), nullptr};
  size_t length = kKeyBytes;
  SPAWNER_CHECK(EVP_PKEY_get_raw_public_key(key.get(), Bytes(&pair.public_key), &length) == 1);
  pair.handle = std::move(key);
  return pair;
}

absl::StatusOr<std::string> Ed25519Sign(const Ed25519KeyPair& pair, absl::string_view message) {
  auto* const key = static_cast<EVP_PKEY*>(pair.handle.get());
  const Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  std::string signature(kSignatureBytes, '\0');
  size_t length = signature.size();
  if (key == nullptr || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key) != 1 ||
      EVP_DigestSign(context.get(), Bytes(&signature), &length, Bytes(message), message.size()) !=
          1) {
    return absl::InternalError("sign: OpenSSL refused the Ed25519 key");
  }
  return signature;
}

bool Ed25519Verify(absl::string_view public_key, absl::string_view message,
                   absl::string_view signature) {
  if (public_key.size() != kKeyBytes || signature.size() != kSignatureBytes) return false;
  const Key key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(public_key), public_key.size()),
      EVP_PKEY_free);
  const Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  return key != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(message),
                          message.size()) == 1;
}

}  // namespace spawner
