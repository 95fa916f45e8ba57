#include "controller/api/key_ring.h"

#include <map>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/check.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/status.h"

namespace spawner::api {
namespace {

constexpr char kActive[] = "active";
constexpr char kSeedPrefix[] = "ed25519.";
constexpr char kInstallSecret[] = "install-secret";
constexpr size_t kSecretBytes = 32;

std::string RandomBytes(Random& random, size_t count) {
  std::string bytes;
  while (bytes.size() < count) {
    uint64_t word = random.Next();
    for (int i = 0; i < 8 && bytes.size() < count; ++i, word >>= 8) {
      bytes.push_back(static_cast<char>(word & 255));
    }
  }
  return bytes;
}

absl::Status Bad(absl::string_view key, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("data.", key, ": ", why));
}

}  // namespace

KeyRing MakeKeyRing(Random& random) {
  absl::StatusOr<Ed25519KeyPair> pair = Ed25519FromSeed(RandomBytes(random, kSecretBytes));
  SPAWNER_CHECK(pair.ok());
  KeyRing ring{.signing = {absl::StrCat("k-", random.Base32(8)), *std::move(pair)},
               .install_secret = RandomBytes(random, kSecretBytes)};
  ring.verification.push_back(
      {ring.signing.id, ring.signing.pair.public_key, RenewalSecret(ring.signing)});
  return ring;
}

std::string EncodeSecret(const KeyRing& ring, absl::string_view ns, absl::string_view name) {
  Json data = {{kActive, absl::Base64Escape(ring.signing.id)},
               {kInstallSecret, absl::Base64Escape(ring.install_secret)},
               {absl::StrCat(kSeedPrefix, ring.signing.id),
                absl::Base64Escape(ring.signing.pair.private_seed)}};
  return JsonText({{"apiVersion", "v1"},
                   {"kind", "Secret"},
                   {"metadata", {{"name", std::string(name)}, {"namespace", std::string(ns)}}},
                   {"type", "Opaque"},
                   {"data", std::move(data)}});
}

absl::StatusOr<KeyRing> DecodeSecret(absl::string_view json) {
  ASSIGN_OR_RETURN(const Json document, ParseJson(json));
  absl::Status error;
  const std::map<std::string, std::string> encoded =
      JsonReader(document, "", error).StringMap("data");
  RETURN_IF_ERROR(error);
  KeyRing ring;
  std::optional<std::string> active;
  std::map<std::string, Ed25519KeyPair> pairs;
  for (const auto& [key, text] : encoded) {
    std::string value;
    if (!absl::Base64Unescape(text, &value)) return Bad(key, "is no base64");
    absl::string_view name = key;
    if (key == kActive) {
      active = value;
    } else if (key == kInstallSecret) {
      ring.install_secret = value;
    } else if (absl::ConsumePrefix(&name, kSeedPrefix)) {
      absl::StatusOr<Ed25519KeyPair> pair = Ed25519FromSeed(value);
      if (!pair.ok()) return Bad(key, pair.status().message());
      ring.verification.push_back(
          {std::string(name), pair->public_key, RenewalSecret({std::string(name), *pair})});
      pairs.emplace(std::string(name), *std::move(pair));
    }
  }
  if (ring.install_secret.size() != kSecretBytes) return Bad(kInstallSecret, "has no 32 bytes");
  if (!active.has_value()) return Bad(kActive, "is missing");
  const auto found = pairs.find(*active);
  if (found == pairs.end()) return Bad(kActive, "names a key that is not there");
  ring.signing = {found->first, found->second};
  return ring;
}

}  // namespace spawner::api
