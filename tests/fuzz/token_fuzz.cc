// Goal: VerifyGrant stands any bytes, and what it accepts signs to the same bytes again.
// Method: line 1 of the input "sign" signs the rest as header and payload (split at the first new
// line) with the known key, so that the parser behind the signature is reached; else it is a token.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/base64url.h"
#include "base/crypto.h"
#include "base/token.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using spawner::Base64UrlEncode;
  static const spawner::SigningKey key{"a", *spawner::Ed25519FromSeed(std::string(32, 'a'))};
  static const std::vector<spawner::VerificationKey> ring{{"a", key.pair.public_key}};
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);

  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  std::string token(input);
  if (absl::StartsWith(input, "sign\n")) {
    const absl::string_view text = input.substr(5);
    const size_t end = text.find('\n');
    const absl::string_view payload =
        end == absl::string_view::npos ? absl::string_view() : text.substr(end + 1);
    token = absl::StrCat(Base64UrlEncode(text.substr(0, end)), ".", Base64UrlEncode(payload));
    absl::StrAppend(&token, ".", Base64UrlEncode(*spawner::Ed25519Sign(key.pair, token)));
  }
  const absl::StatusOr<spawner::Grant> grant = spawner::VerifyGrant(token, ring, now);
  if (!grant.ok()) return 0;
  const absl::StatusOr<std::string> again = spawner::SignGrant(*grant, key);
  // Long names of other fields may have been dropped, never anything of the grant.
  if (!again.ok() || *spawner::VerifyGrant(*again, ring, now) != *grant) std::abort();
  return 0;
}
