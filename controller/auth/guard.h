#ifndef SPAWNER_CONTROLLER_AUTH_GUARD_H_
#define SPAWNER_CONTROLLER_AUTH_GUARD_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "controller/auth/ask_once.h"
#include "controller/auth/caller.h"
#include "controller/auth/oidc.h"
#include "controller/auth/peer_book.h"
#include "controller/auth/reviews.h"
#include "controller/auth/secret_tokens.h"
#include "controller/auth/static_tokens.h"
#include "controller/kube/kube_client.h"

namespace spawner::auth {

// What came with a call. They live as long as the call of Admit.
struct Credentials {
  absl::string_view bearer;       // the token, without the word Bearer
  absl::string_view certificate;  // in PEM; verified by TLS
  absl::string_view seal;         // of another controller (seal.h)
  absl::string_view request;      // the hash of what is asked; needed with a seal only
  absl::string_view peer;         // the address it came from: "10.0.0.7:5123"
};

// How callers may prove who they are. None at all: nobody has to, for a port on loopback.
struct Ways {
  std::optional<StaticTokens> tokens;
  std::optional<TokenSecret> token_secret;
  bool asks_kubernetes = false;  // TokenReview
  std::vector<std::string> audiences;
  std::unique_ptr<Oidc> oidc;
  bool takes_certificates = false;
  // Names of client certificates that may open ProxyLink without asking Kubernetes.
  std::vector<std::string> proxy_names;
  bool allows_anonymous = false;  // who has no credentials may do everything

  bool IsEmpty() const {
    return !tokens.has_value() && !token_secret.has_value() && !asks_kubernetes &&
           oidc == nullptr && !takes_certificates;
  }
};

// Says who calls and whether they may. Everything of the edge asks it, before it reads a request.
//   guard.Admit({.bearer = token}, {.verb = "get", .resource = "sessions", .ns = "a"},
//               [](const absl::StatusOr<CallerPtr>& caller) { ... });
// Thread: the loop's. Owner: main. `client` and `clock` outlive it; the client calls nothing after
// its end.
class Guard {
 public:
  Guard(kube::KubeClient& client, const Clock& clock, Ways ways);
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  // Calls `done` once: at once if all is known, else when Kubernetes or the issuer has answered.
  // UNAUTHENTICATED / TOKEN_INVALID, TOKEN_EXPIRED; PERMISSION_DENIED / NAMESPACE_FORBIDDEN;
  // UNAVAILABLE / KUBERNETES_UNREACHABLE, ISSUER_UNREACHABLE; RESOURCE_EXHAUSTED / RATE_LIMITED
  // where the peer has asked too much (peer_book.h).
  void Admit(const Credentials& credentials, const Ask& ask, CallerDone done);

  // The secret of the installation: until it is known no other controller is believed.
  void SetInstallSecret(std::string secret) { install_secret_ = std::move(secret); }
  // For a call that is passed on to the leader, of that hash: see seal.h. Empty while there is no
  // secret.
  std::string SealFor(const Caller* caller, absl::string_view request) const;

  // Reads files again, moves fetches on. Call in every turn of the loop.
  void Step(Instant now);
  Instant NextWake() const;

 private:
  void Authenticate(const Credentials& credentials, Instant now, CallerDone done);
  void AuthenticateToken(const Credentials& credentials, Instant now, CallerDone done);
  void CheckToken(absl::string_view token, CallerFinish finish);
  struct Judged {
    CallerPtr caller;
    bool has_certificate = false;
    std::string peer;
  };
  void Authorize(const Judged& judged, const Ask& ask, Instant now, const CallerDone& done);
  CallerPtr FindStatic(absl::string_view hash) const;
  absl::Status NoCredentials() const;

  kube::KubeClient& client_;
  const Clock& clock_;
  Ways ways_;
  const CallerPtr anonymous_;
  const Caller controller_;  // of seals for what no caller asked for
  std::string install_secret_;
  AskOnce<CallerPtr> callers_;  // by the hash of token or certificate
  AskOnce<Access> accesses_;
  PeerBook peers_;
  std::optional<SecretTokens> secret_tokens_;
};

}  // namespace spawner::auth

#endif  // SPAWNER_CONTROLLER_AUTH_GUARD_H_
