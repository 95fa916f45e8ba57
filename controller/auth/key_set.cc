#include "controller/auth/key_set.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/base64url.h"
#include "base/json.h"
#include "base/status.h"
#include "controller/auth/limits.h"

namespace spawner::auth {
namespace {

using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)>;
using Number = std::unique_ptr<BIGNUM, decltype(&BN_free)>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, decltype(&OSSL_PARAM_BLD_free)>;
using Parameters = std::unique_ptr<OSSL_PARAM, decltype(&OSSL_PARAM_free)>;
using Signature = std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)>;
using SharedKey = std::shared_ptr<EVP_PKEY>;

constexpr size_t kCoordinateBytes = 32;  // of P-256, RFC 7518 6.2.1.2
constexpr size_t kEd25519Bytes = 32;     // RFC 8037 2

const unsigned char* Bytes(absl::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}

Number NumberOf(absl::string_view bytes) {
  return Number(BN_bin2bn(Bytes(bytes), static_cast<int>(bytes.size()), nullptr), BN_free);
}

SharedKey Make(const char* type, OSSL_PARAM_BLD* builder) {
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder), OSSL_PARAM_free);
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr), EVP_PKEY_CTX_free);
  EVP_PKEY* key = nullptr;
  if (parameters == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    return nullptr;
  }
  return SharedKey(key, EVP_PKEY_free);
}

SharedKey RsaKey(absl::string_view modulus, absl::string_view exponent) {
  const Number n = NumberOf(modulus);
  const Number e = NumberOf(exponent);
  const Builder builder(OSSL_PARAM_BLD_new(), OSSL_PARAM_BLD_free);
  if (n == nullptr || e == nullptr || BN_num_bits(n.get()) < kRsaBitsMin ||
      BN_num_bits(n.get()) > kRsaBitsMax || BN_num_bits(e.get()) > 64 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return nullptr;
  }
  return Make("RSA", builder.get());
}

SharedKey P256Key(absl::string_view x, absl::string_view y) {
  if (x.size() != kCoordinateBytes || y.size() != kCoordinateBytes) return nullptr;
  const std::string point = absl::StrCat("\x04", x, y);  // SEC 1 2.3.3, uncompressed
  const Builder builder(OSSL_PARAM_BLD_new(), OSSL_PARAM_BLD_free);
  if (OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) !=
          1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                       point.size()) != 1) {
    return nullptr;
  }
  return Make("EC", builder.get());
}

// JWS has r and s side by side (RFC 7518 3.4), OpenSSL wants them in DER.
std::optional<std::string> DerOf(absl::string_view signature) {
  if (signature.size() != 2 * kCoordinateBytes) return std::nullopt;
  const Signature parts(ECDSA_SIG_new(), ECDSA_SIG_free);
  Number r = NumberOf(signature.substr(0, kCoordinateBytes));
  Number s = NumberOf(signature.substr(kCoordinateBytes));
  if (parts == nullptr || r == nullptr || s == nullptr ||
      ECDSA_SIG_set0(parts.get(), r.get(), s.get()) != 1) {
    return std::nullopt;
  }
  r.release();
  s.release();
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(parts.get(), &der);
  if (size <= 0) return std::nullopt;
  std::string text(reinterpret_cast<const char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return text;
}

bool VerifyWith(EVP_PKEY* key, const EVP_MD* digest, absl::string_view text,
                absl::string_view signature) {
  const Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  return context != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(text),
                          text.size()) == 1;
}

// Null and an empty name for what verifies nothing of ours.
std::pair<SharedKey, const char*> ReadKey(const JsonReader& reader) {
  const auto bytes = [&reader](const char* member) {
    return Base64UrlDecode(reader.String(member)).value_or("");
  };
  const std::string type = reader.String("kty");
  const std::string curve = reader.String("crv");
  if (type == "RSA") return {RsaKey(bytes("n"), bytes("e")), "RS256"};
  if (type == "EC" && curve == "P-256") return {P256Key(bytes("x"), bytes("y")), "ES256"};
  if (type == "OKP" && curve == "Ed25519") {
    const std::string raw = bytes("x");
    if (raw.size() != kEd25519Bytes) return {nullptr, ""};
    return {
        SharedKey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(raw), raw.size()),
                  EVP_PKEY_free),
        "EdDSA"};
  }
  return {nullptr, ""};
}

}  // namespace

absl::StatusOr<KeySet> KeySet::Parse(absl::string_view json) {
  ASSIGN_OR_RETURN(const Json document, ParseJson(json));
  absl::Status error;
  KeySet set;
  for (const JsonReader& reader : JsonReader(document, "", error).Objects("keys")) {
    const std::string use = reader.String("use");
    const std::string algorithm = reader.String("alg");
    std::string id = reader.String("kid");
    if (!use.empty() && use != "sig") continue;
    auto [key, verifies] = ReadKey(reader);
    if (key == nullptr || (!algorithm.empty() && algorithm != verifies)) continue;
    if (set.keys_.size() >= kKeysMax) break;
    set.keys_.push_back({std::move(id), verifies, std::move(key)});
  }
  RETURN_IF_ERROR(error);
  if (set.keys_.empty()) {
    return absl::InvalidArgumentError(
        "keys: no RSA key of 2048 bits or more, P-256 or Ed25519 key to verify signatures with");
  }
  return set;
}

bool KeySet::Has(absl::string_view key_id) const {
  for (const Key& key : keys_) {
    if (key_id.empty() || key.id == key_id) return true;
  }
  return false;
}

bool KeySet::Verify(absl::string_view key_id, absl::string_view algorithm, absl::string_view text,
                    absl::string_view signature) const {
  std::string der;
  if (algorithm == "ES256") {
    std::optional<std::string> made = DerOf(signature);
    if (!made.has_value()) return false;
    der = *std::move(made);
    signature = der;
  }
  for (const Key& key : keys_) {
    if (key.algorithm != algorithm || (!key_id.empty() && key.id != key_id)) continue;
    const EVP_MD* digest = algorithm == "EdDSA" ? nullptr : EVP_sha256();
    if (VerifyWith(key.key.get(), digest, text, signature)) return true;
  }
  return false;
}

}  // namespace spawner::auth
