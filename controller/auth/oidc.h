#ifndef SPAWNER_CONTROLLER_AUTH_OIDC_H_
#define SPAWNER_CONTROLLER_AUTH_OIDC_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "controller/auth/ask_once.h"
#include "controller/auth/jwt.h"
#include "controller/auth/key_set.h"
#include "controller/kube/http_transport.h"

namespace spawner::auth {

struct OidcOptions {
  JwtTerms terms;
  // Where the issuer's JWK set is: a file, or a URL. Neither: where its discovery document says
  // (OpenID Connect Discovery 1.0, 4).
  std::string keys_file;
  std::string keys_url;
  // Reaches a server: "https://issuer.example:8443". Not used with a file.
  std::function<absl::StatusOr<std::unique_ptr<kube::HttpTransport>>(const std::string&)> connect;
};

// What may be fetched: https, or http on this machine, of a sane length and printable.
bool IsIssuerUrl(absl::string_view url);

// Tokens of one OpenID Connect issuer. Its keys are fetched when the first token comes, once an
// hour, and when a token names a key that is not known, at most every kKeySetReadMin; where they
// are is asked anew each time. Keys that can no longer be fetched stay good.
// Thread: the loop's. Owner: Guard.
class Oidc {
 public:
  explicit Oidc(OidcOptions options);
  ~Oidc();
  Oidc(const Oidc&) = delete;
  Oidc& operator=(const Oidc&) = delete;

  bool IsIssuerOf(const Jwt& jwt) const { return jwt.Text("iss") == options_.terms.issuer; }
  // The answer may wait for the keys. UNAVAILABLE / ISSUER_UNREACHABLE where there are none and
  // none can be fetched.
  void Verify(Jwt jwt, const Clock& clock, CallerFinish finish);

  // Moves a fetch on. Call in every turn of the loop.
  void Step(Instant now);
  Instant NextWake() const;

 private:
  class Fetch;
  using Take = void (Oidc::*)(const absl::StatusOr<std::string>& text);
  struct Waiting {
    Jwt jwt;
    const Clock* clock;
    CallerFinish finish;
  };
  CallerVerdict Check(const Jwt& jwt, absl::Time now) const;
  void ReadKeys(Instant now);
  void Get(const std::string& url, Take take);
  void OnFetched(Take take, const absl::StatusOr<std::string>& text);
  void TakeDiscovery(const absl::StatusOr<std::string>& text);
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
