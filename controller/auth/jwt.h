#ifndef SPAWNER_CONTROLLER_AUTH_JWT_H_
#define SPAWNER_CONTROLLER_AUTH_JWT_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/json.h"
#include "controller/auth/caller.h"

namespace spawner::auth {

// A signed JWT (RFC 7519) taken apart; nothing of it is believed before its signature is verified.
struct Jwt {
  std::string key_id;     // may be empty
  std::string algorithm;  // as it says
  Json claims;
  std::string signed_text;
  std::string signature;

  // The claim, if it is a string.
  std::string Text(const std::string& claim) const;
};

// Nothing for any text that is none: it may be a token of another kind.
std::optional<Jwt> ParseJwt(absl::string_view token);

// What a token of the issuer must say, and who it is of.
struct JwtTerms {
  std::string issuer;
  std::vector<std::string> audiences;   // one of them
  std::string user_claim = "sub";       // "email" needs email_verified not to be false
  std::string groups_claim = "groups";  // a string or a list of strings; may be missing
  // Before names and groups, so that an issuer can't name "system:masters" or a ServiceAccount.
  std::string prefix = "oidc:";
};

struct JwtCaller {
  CallerPtr caller;
  absl::Time expire_time;
};

// From the claims of a token whose signature is good. TOKEN_EXPIRED, else TOKEN_INVALID.
absl::StatusOr<JwtCaller> ReadClaims(const Json& claims, const JwtTerms& terms, absl::Time now);

}  // namespace spawner::auth

#endif  // SPAWNER_CONTROLLER_AUTH_JWT_H_
