#include "controller/api/key_ring.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
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
constexpr char kRetirePrefix[] = "retire.";
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

SigningKey NewKey(Random& random) {
  absl::StatusOr<Ed25519KeyPair> pair = Ed25519FromSeed(RandomBytes(random, kSecretBytes));
  SPAWNER_CHECK(pair.ok());
  return {absl::StrCat("k-", random.Base32(8)), *std::move(pair)};
}

void ListVerification(KeyRing& ring) {
  ring.verification.clear();
  const auto add = [&ring](const SigningKey& key) {
    ring.verification.push_back({key.id, key.pair.public_key, RenewalSecret(key)});
  };
  add(ring.signing);
  for (const FormerKey& former : ring.former) add(former.key);
}

void WriteKeys(const KeyRing& ring, Json& data) {
  const auto add = [&data](const SigningKey& key) {
    data[absl::StrCat(kSeedPrefix, key.id)] = absl::Base64Escape(key.pair.private_seed);
  };
  data[kActive] = absl::Base64Escape(ring.signing.id);
  add(ring.signing);
  for (const FormerKey& former : ring.former) {
    add(former.key);
    if (former.retire_time == absl::InfiniteFuture()) continue;
    data[absl::StrCat(kRetirePrefix, former.key.id)] =
        absl::Base64Escape(absl::StrCat(absl::ToUnixSeconds(former.retire_time)));
  }
}

// What the Secret's data say, whole or not.
struct Contents {
  std::optional<std::string> active;
  std::map<std::string, SigningKey> keys;
  std::map<std::string, absl::Time> retire_times;
  std::string install_secret;
};

absl::Status ReadEntry(const std::string& key, const std::string& value, Contents& out) {
  absl::string_view name = key;
  if (key == kActive) {
    out.active = value;
  } else if (key == kInstallSecret) {
    out.install_secret = value;
  } else if (absl::ConsumePrefix(&name, kSeedPrefix)) {
    absl::StatusOr<Ed25519KeyPair> pair = Ed25519FromSeed(value);
    if (!pair.ok()) return Bad(key, pair.status().message());
    out.keys[std::string(name)] = {std::string(name), *std::move(pair)};
  } else if (absl::ConsumePrefix(&name, kRetirePrefix)) {
    int64_t seconds = 0;
    if (!absl::SimpleAtoi(value, &seconds)) return Bad(key, "is no number of seconds");
    out.retire_times[std::string(name)] = absl::FromUnixSeconds(seconds);
  }
  return absl::OkStatus();
}

}  // namespace

KeyRing MakeKeyRing(Random& random) {
  KeyRing ring{.signing = NewKey(random), .install_secret = RandomBytes(random, kSecretBytes)};
  ListVerification(ring);
  return ring;
}

KeyRing Rotate(const KeyRing& ring, absl::Duration overlap, absl::Time now, Random& random) {
  KeyRing next = ring;
  next.signing = NewKey(random);
  next.former.push_back({ring.signing, absl::InfiniteFuture()});
  const absl::Time retire = absl::FromUnixSeconds(absl::ToUnixSeconds(now + overlap));
  for (FormerKey& former : next.former) former.retire_time = std::min(former.retire_time, retire);
  Retire(next, now);
  return next;
}

absl::Time Retire(KeyRing& ring, absl::Time now) {
  std::erase_if(ring.former, [now](const FormerKey& key) { return key.retire_time <= now; });
  ListVerification(ring);
  absl::Time next = absl::InfiniteFuture();
  for (const FormerKey& former : ring.former) next = std::min(next, former.retire_time);
  return next;
}

std::string EncodeSecret(const KeyRing& ring, absl::string_view ns, absl::string_view name) {
  Json data = {{kInstallSecret, absl::Base64Escape(ring.install_secret)}};
  WriteKeys(ring, data);
  return JsonText({{"apiVersion", "v1"},
                   {"kind", "Secret"},
                   {"metadata", {{"name", std::string(name)}, {"namespace", std::string(ns)}}},
                   {"type", "Opaque"},
                   {"data", std::move(data)}});
}

absl::StatusOr<std::string> UpdateSecret(absl::string_view json, const KeyRing& ring) {
  ASSIGN_OR_RETURN(Json document, ParseJson(json));
  if (!document.is_object() || !document["data"].is_object()) return Bad("", "is no object");
  Json& data = document["data"];
  for (auto entry = data.begin(); entry != data.end();) {
    const bool is_key =
        absl::StartsWith(entry.key(), kSeedPrefix) || absl::StartsWith(entry.key(), kRetirePrefix);
    entry = is_key ? data.erase(entry) : std::next(entry);
  }
  WriteKeys(ring, data);
  return JsonText(document);
}

absl::StatusOr<KeyRing> DecodeSecret(absl::string_view json) {
  ASSIGN_OR_RETURN(const Json document, ParseJson(json));
  absl::Status error;
  const std::map<std::string, std::string> encoded =
      JsonReader(document, "", error).StringMap("data");
  RETURN_IF_ERROR(error);
  Contents contents;
  for (const auto& [key, text] : encoded) {
    std::string value;
    if (!absl::Base64Unescape(text, &value)) return Bad(key, "is no base64");
    RETURN_IF_ERROR(ReadEntry(key, value, contents));
  }
  if (contents.install_secret.size() != kSecretBytes) return Bad(kInstallSecret, "has no 32 bytes");
  if (!contents.active.has_value()) return Bad(kActive, "is missing");
  const auto found = contents.keys.find(*contents.active);
  if (found == contents.keys.end()) return Bad(kActive, "names a key that is not there");
  KeyRing ring{.signing = found->second, .install_secret = contents.install_secret};
  for (auto& [id, key] : contents.keys) {
    if (id == *contents.active) continue;
    // One that somebody put there by hand counts until it is taken out.
    const auto retire = contents.retire_times.find(id);
    ring.former.push_back({std::move(key), retire == contents.retire_times.end()
                                               ? absl::InfiniteFuture()
                                               : retire->second});
  }
  std::sort(ring.former.begin(), ring.former.end(), [](const FormerKey& a, const FormerKey& b) {
    return std::tie(a.retire_time, a.key.id) < std::tie(b.retire_time, b.key.id);
  });
  ListVerification(ring);
  return ring;
}

}  // namespace spawner::api
