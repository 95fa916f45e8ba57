#include "controller/auth/guard.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/crypto.h"
#include "base/status.h"
#include "controller/auth/certificate.h"
#include "controller/auth/limits.h"
#include "controller/auth/seal.h"

namespace spawner::auth {
namespace {

bool IsProxyLink(const Ask& ask) { return ask.resource == "proxies" && ask.verb == "connect"; }

bool Allows(const Rule& rule, const Ask& ask) {
  if (IsProxyLink(ask)) return rule.is_proxy;
  if (rule.all_namespaces) return true;
  return !ask.ns.empty() && std::count(rule.namespaces.begin(), rule.namespaces.end(), ask.ns) > 0;
}

}  // namespace

Guard::Guard(kube::KubeClient& client, const Clock& clock, Ways ways)
    : client_(client),
      clock_(clock),
      ways_(std::move(ways)),
      anonymous_(MakeCaller({.name = "anonymous", .rule = Rule{true, {}, true}})),
      controller_{.name = "system:spawner:controller"},
      callers_(kCachedTokensMax),
      accesses_(kCachedAnswersMax) {
  if (ways_.token_secret.has_value()) secret_tokens_.emplace(client_, *ways_.token_secret);
}

void Guard::Admit(const Credentials& credentials, const Ask& ask, CallerDone done) {
  if (ways_.IsEmpty()) return done(anonymous_);
  if (!credentials.seal.empty()) {
    return done(OpenSeal(credentials.seal, credentials.request, install_secret_, clock_.WallNow()));
  }
  const Instant now = clock_.Now();
  const bool has_certificate = credentials.bearer.empty() && !credentials.certificate.empty();
  Authenticate(credentials, now,
               [this, ask, now, has_certificate, peer = PeerOf(credentials.peer),
                done = std::move(done)](const absl::StatusOr<CallerPtr>& caller) {
                 if (!caller.ok()) return done(caller);
                 Authorize({*caller, has_certificate, peer}, ask, now, done);
               });
}

void Guard::Authenticate(const Credentials& credentials, Instant now, CallerDone done) {
  if (!credentials.bearer.empty()) return AuthenticateToken(credentials, now, std::move(done));
  if (!credentials.certificate.empty() && ways_.takes_certificates) {
    return callers_.Get(absl::StrCat("c", Sha256(credentials.certificate)), now, std::move(done),
                        [&credentials](const CallerFinish& finish) {
                          absl::StatusOr<CallerPtr> caller =
                              CallerOfCertificate(credentials.certificate);
                          finish({std::move(caller), kTokenGoodFor});
                        });
  }
  if (ways_.allows_anonymous) return done(anonymous_);
  done(NoCredentials());
}

CallerPtr Guard::FindStatic(absl::string_view hash) const {
  CallerPtr caller = ways_.tokens.has_value() ? ways_.tokens->Find(hash) : nullptr;
  if (caller != nullptr || !secret_tokens_.has_value()) return caller;
  return secret_tokens_->Find(hash);
}

void Guard::AuthenticateToken(const Credentials& credentials, Instant now, CallerDone done) {
  const absl::string_view token = credentials.bearer;
  if (token.size() > kTokenBytesMax) {
    return done(TokenInvalid(absl::StrCat("the token has more than ", kTokenBytesMax, " bytes"),
                             "send a shorter one"));
  }
  std::string hash = Sha256(token);
  if (CallerPtr caller = FindStatic(hash); caller != nullptr) return done(std::move(caller));
  callers_.Get(std::move(hash), now, std::move(done),
               [this, token, now, peer = PeerOf(credentials.peer)](CallerFinish finish) {
                 if (absl::Status begun = peers_.Begin(peer, now); !begun.ok()) {
                   return finish({std::move(begun), {}});
                 }
                 CheckToken(token, [this, peer, finish = std::move(finish)](CallerVerdict verdict) {
                   peers_.End(peer, absl::IsUnauthenticated(verdict.answer.status()), clock_.Now());
                   finish(std::move(verdict));
                 });
               });
}

void Guard::CheckToken(absl::string_view token, CallerFinish finish) {
  if (ways_.oidc != nullptr) {
    std::optional<Jwt> jwt = ParseJwt(token);
    if (jwt.has_value() && ways_.oidc->IsIssuerOf(*jwt)) {
      return ways_.oidc->Verify(*std::move(jwt), clock_, std::move(finish));
    }
  }
  if (ways_.asks_kubernetes) {
    return ReviewToken(client_, token, ways_.audiences, std::move(finish));
  }
  if (secret_tokens_.has_value() && !secret_tokens_->status().ok()) {
    return finish({secret_tokens_->status(), {}});
  }
  // A file that is read again may know it soon.
  finish({TokenInvalid("the token is not known", "look at it, or ask for another one"), {}});
}

void Guard::Authorize(const Judged& judged, const Ask& ask, Instant now, const CallerDone& done) {
  const CallerPtr& caller = judged.caller;
  if (caller->rule.has_value()) {
    if (Allows(*caller->rule, ask)) return done(caller);
    return done(Forbidden(*caller, ask, ""));
  }
  if (judged.has_certificate && IsProxyLink(ask) &&
      std::count(ways_.proxy_names.begin(), ways_.proxy_names.end(), caller->name) > 0) {
    return done(caller);
  }
  accesses_.Get(
      absl::StrCat(caller->key, ask.verb, "/", ask.resource, "/", ask.subresource, "/", ask.ns),
      now,
      [caller, ask, done](const absl::StatusOr<Access>& access) {
        if (!access.ok()) return done(access.status());
        if (!access->is_allowed) return done(Forbidden(*caller, ask, access->why));
        done(caller);
      },
      [this, &caller, &ask, &peer = judged.peer, now](AskOnce<Access>::Finish finish) {
        if (absl::Status begun = peers_.Begin(peer, now); !begun.ok()) {
          return finish({std::move(begun), {}});
        }
        ReviewAccess(client_, *caller, ask,
                     [this, peer, finish = std::move(finish)](AskOnce<Access>::Verdict verdict) {
                       const bool is_no = verdict.answer.ok() && !verdict.answer->is_allowed;
                       peers_.End(peer, is_no, clock_.Now());
                       finish(std::move(verdict));
                     });
      });
}

absl::Status Guard::NoCredentials() const {
  std::vector<absl::string_view> ways;
  if (ways_.tokens.has_value()) ways.push_back("a token of --token-file");
  if (secret_tokens_.has_value()) ways.push_back("a token of --token-secret");
  if (ways_.asks_kubernetes) ways.push_back("the token of a Kubernetes ServiceAccount");
  if (ways_.oidc != nullptr) ways.push_back("a token of the OIDC issuer");
  if (ways_.takes_certificates) ways.push_back("a client certificate");
  return TokenInvalid(
      "the call has no credentials",
      absl::StrCat("send \"authorization: Bearer TOKEN\" (spawnctl: SPAWNER_TOKEN); "
                   "this controller takes ",
                   absl::StrJoin(ways, ", ")));
}

std::string Guard::SealFor(const Caller* caller, absl::string_view request) const {
  if (install_secret_.empty() || ways_.IsEmpty()) return "";
  return MakeSeal(caller == nullptr ? controller_ : *caller, request, install_secret_,
                  clock_.WallNow());
}

void Guard::Step(Instant now) {
  if (ways_.tokens.has_value()) ways_.tokens->Step(now);
  if (secret_tokens_.has_value()) secret_tokens_->Step(now);
  if (ways_.oidc != nullptr) ways_.oidc->Step(now);
}

Instant Guard::NextWake() const {
  Instant wake = ways_.oidc == nullptr ? Instant::Infinite() : ways_.oidc->NextWake();
  if (ways_.tokens.has_value()) wake = std::min(wake, ways_.tokens->NextWake());
  if (secret_tokens_.has_value()) wake = std::min(wake, secret_tokens_->NextWake());
  return wake;
}

}  // namespace spawner::auth
