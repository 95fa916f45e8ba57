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
      accesses_(kCachedAnswersMax) {}

void Guard::Admit(const Credentials& credentials, const Ask& ask, CallerDone done) {
  if (ways_.IsEmpty()) return done(anonymous_);
  if (!credentials.seal.empty()) {
    return done(OpenSeal(credentials.seal, credentials.request, install_secret_, clock_.WallNow()));
  }
  const Instant now = clock_.Now();
  const bool has_certificate = credentials.bearer.empty() && !credentials.certificate.empty();
  Authenticate(credentials, now,
               [this, ask, now, has_certificate,
                done = std::move(done)](const absl::StatusOr<CallerPtr>& caller) {
                 if (!caller.ok()) return done(caller);
                 Authorize(*caller, has_certificate, ask, now, done);
               });
}

void Guard::Authenticate(const Credentials& credentials, Instant now, CallerDone done) {
  if (!credentials.bearer.empty())
    return AuthenticateToken(credentials.bearer, now, std::move(done));
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

void Guard::AuthenticateToken(absl::string_view token, Instant now, CallerDone done) {
  if (token.size() > kTokenBytesMax) {
    return done(TokenInvalid(absl::StrCat("the token has more than ", kTokenBytesMax, " bytes"),
                             "send a shorter one"));
  }
  std::string hash = Sha256(token);
  if (ways_.tokens.has_value()) {
    if (CallerPtr caller = ways_.tokens->Find(hash); caller != nullptr) {
      return done(std::move(caller));
    }
  }
  callers_.Get(std::move(hash), now, std::move(done), [this, token](CallerFinish finish) {
    if (ways_.oidc != nullptr) {
      std::optional<Jwt> jwt = ParseJwt(token);
      if (jwt.has_value() && ways_.oidc->IsIssuerOf(*jwt)) {
        return ways_.oidc->Verify(*std::move(jwt), clock_, std::move(finish));
      }
    }
    if (ways_.asks_kubernetes) {
      return ReviewToken(client_, token, ways_.audiences, std::move(finish));
    }
    // A file that is read again may know it soon.
    finish({TokenInvalid("the token is not known", "look at it, or ask for another one"), {}});
  });
}

void Guard::Authorize(const CallerPtr& caller, bool has_certificate, const Ask& ask, Instant now,
                      const CallerDone& done) {
  if (caller->rule.has_value()) {
    if (Allows(*caller->rule, ask)) return done(caller);
    return done(Forbidden(*caller, ask, ""));
  }
  if (has_certificate && IsProxyLink(ask) &&
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
      [this, &caller, &ask](AskOnce<Access>::Finish finish) {
        ReviewAccess(client_, *caller, ask, std::move(finish));
      });
}

absl::Status Guard::NoCredentials() const {
  std::vector<absl::string_view> ways;
  if (ways_.tokens.has_value()) ways.push_back("a token of --token-file");
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
  if (ways_.oidc != nullptr) ways_.oidc->Step(now);
}

Instant Guard::NextWake() const {
  Instant wake = ways_.oidc == nullptr ? Instant::Infinite() : ways_.oidc->NextWake();
  if (ways_.tokens.has_value()) wake = std::min(wake, ways_.tokens->NextWake());
  return wake;
}

}  // namespace spawner::auth
