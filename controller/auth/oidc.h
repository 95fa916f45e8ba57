#ifndef SPAWNER_CONTROLLER_AUTH_OIDC_H_
#define SPAWNER_CONTROLLER_AUTH_OIDC_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "controller/auth/ask_once.h"
#include "controller/auth/jwt.h"
#include "controller/auth/key_set.h"
#include "controller/kube/http_transport.h"

namespace spawner::auth {

struct OidcOptions {
  JwtTerms terms;
  // Where the issuer's JWK set is: a file, or a path at a server that `transport` reaches.
  std::string keys_file;
  std::string keys_path;
  std::unique_ptr<kube::HttpTransport> transport;
};

// Tokens of one OpenID Connect issuer. Its keys are fetched when the first token comes, once an
// hour, and when a token names a key that is not known, at most every kKeySetReadMin. Keys that can
// no longer be fetched stay good.
// Thread: the loop's. Owner: Guard.
class Oidc {
 public:
  explicit Oidc(OidcOptions options);
  ~Oidc();
  Oidc(const Oidc&) = delete;
  Oidc& operator=(const Oidc&) = delete;

  bool IsIssuerOf(const Jwt& jwt) const { return jwt.Text("iss") == options_.terms.issuer; }
  // The answer may wait for the keys.
  void Verify(Jwt jwt, const Clock& clock, CallerFinish finish);

  // Moves a fetch on. Call in every turn of the loop.
  void Step(Instant now);
  Instant NextWake() const;

 private:
  class Fetch;
  struct Waiting {
    Jwt jwt;
    const Clock* clock;
    CallerFinish finish;
  };
  CallerVerdict Check(const Jwt& jwt, absl::Time now) const;
  void ReadKeys(Instant now);
  void TakeKeys(const absl::StatusOr<std::string>& text);

  OidcOptions options_;
  std::optional<KeySet> keys_;
  absl::Status keys_status_;  // of the last try
  std::optional<Instant> read_at_;
  Instant now_;
  std::unique_ptr<Fetch> fetch_;
  std::unique_ptr<Fetch> done_fetch_;  // it called us
  std::vector<Waiting> waiting_;
};

}  // namespace spawner::auth

#endif  // SPAWNER_CONTROLLER_AUTH_OIDC_H_
