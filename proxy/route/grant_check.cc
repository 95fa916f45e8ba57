#include "proxy/route/grant_check.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "proxy/route/cross_origin.h"
#include "proxy/route/limits.h"
#include "proxy/route/revocation.h"
#include "proxy/route/session_cookie.h"

namespace spawner::proxy {

struct GrantCheck::Scans {
  QueryScan query;
  absl::string_view bearer;
  ProtocolScan protocols;
  CookieScan cookies;
};

namespace {

// The same page without the token, as a reference to the same origin.
std::string Location(const RequestView& request, absl::string_view target) {
  // The cookie's path ends with a slash.
  if (!request.prefix.empty() && absl::StartsWith(target, request.prefix)) {
    const absl::string_view rest = target.substr(request.prefix.size());
    if (rest.empty() || rest[0] == '?') return absl::StrCat(request.prefix, "/", rest);
  }
  // "//host/path" would name another host (RFC 3986 4.2); browsers read '\' as '/'.
  const bool names_a_host = target.size() > 1 && (target[1] == '/' || target[1] == '\\');
  return names_a_host ? absl::StrCat("/.", target) : std::string(target);
}

AuthDecision Refuse(AuthAction action, std::string reason, std::string message) {
  AuthDecision decision;
  decision.action = action;
  decision.reason = std::move(reason);
  decision.message = std::move(message);
  return decision;
}

void NameUser(const Grant& grant, AuthDecision& decision) {
  if (!grant.user.empty()) {
    decision.add_headers.emplace_back("Spawner-User", grant.user);
    decision.add_headers.emplace_back("X-Verified-Username", grant.user);
  }
  decision.add_headers.emplace_back("Spawner-Claims", grant.claims_json);
  decision.add_headers.emplace_back("X-Verified-User-Data", grant.claims_json);
}

AuthDecision AskForUse(const KnownGrant& known) {
  AuthDecision decision;
  decision.action = AuthAction::kUseToken;
  decision.grant = known.mark;
  decision.use = TokenUse{.session_id = known.grant.session.value,
                          .grant_id = known.grant.id,
                          .expires_at = known.grant.expires_at,
                          .leadership = known.grant.one_time_in};
  return decision;
}

}  // namespace

void GrantCheck::Update(const LinkState& state) {
  time_ = state.time;
  cache_.SetKeys(state.keys);
}

AuthDecision GrantCheck::Check(const RequestView& request, const Route& route, Instant now) {
  const OriginScan origin = ScanOrigin(request, route);
  // It carries no token, and what it asks for only the route knows.
  if (origin.is_preflight() && !route.allowed_origins.empty()) return AnswerPreflight(origin);
  Scans scans{.query = ScanQuery(request.target),
              .bearer = ScanBearer(request.headers),
              .cookies = ScanCookies(request.headers, request.is_tls)};
  if (request.is_upgrade) scans.protocols = ScanProtocols(request.headers);
  const Case of = {.request = request, .route = route, .now = now, .wall = time_.Now(now)};
  const Verdict verdict = Judge(scans, of);
  const bool is_good = verdict.worth == Worth::kGood || verdict.worth == Worth::kUnused;
  AuthDecision decision;
  if (!is_good && route.token_required) {
    decision = Refusal(verdict.worth);
  } else if (RefusesOrigin(origin, request, route, is_good && verdict.source == Source::kCookie)) {
    decision = Refuse(AuthAction::kForbidden, "ORIGIN_FORBIDDEN",
                      "pages of this origin may not call the session: see allowed_origins");
  } else if (verdict.worth == Worth::kUnused) {
    decision = AskForUse(*verdict.known);
  } else if (is_good && verdict.source == Source::kQuery && IsNavigation(request)) {
    decision = Exchange(scans, verdict, of);
  } else {
    decision = Admit(scans, verdict, of);
  }
  AddResponseFields(origin, route, decision);
  return decision;
}

AuthDecision GrantCheck::Refusal(Worth worth) {
  switch (worth) {
    case Worth::kGood:
    case Worth::kUnused:
      break;
    case Worth::kUsed:
      return Refuse(AuthAction::kUnauthorized, "TOKEN_INVALID", "the link was good for one use");
    case Worth::kRevoked:
      return Refuse(AuthAction::kUnauthorized, "TOKEN_INVALID", "the access was withdrawn");
    case Worth::kForeign:
      return Refuse(AuthAction::kForbidden, "TOKEN_INVALID", "the token is for another session");
    case Worth::kExpired:
      return Refuse(AuthAction::kUnauthorized, "TOKEN_EXPIRED", "the token has expired");
    case Worth::kThrottled:
      return Refuse(AuthAction::kTooMany, "TOO_MANY_BAD_TOKENS",
                    "too many bad tokens came from this address");
    case Worth::kInvalid:
      return Refuse(AuthAction::kUnauthorized, "TOKEN_INVALID", "the token is not valid");
    case Worth::kNone:
      return Refuse(AuthAction::kUnauthorized, "TOKEN_INVALID", "the request has no token");
  }
  SPAWNER_CHECK(false);  // a good token is not refused, nor one that may be
  return {};
}

// The page again, without the token in its URL: the browser has a cookie from now on.
AuthDecision GrantCheck::Exchange(const Scans& scans, const Verdict& verdict,
                                  const Case& of) const {
  AuthDecision decision;
  decision.action = AuthAction::kRedirect;
  decision.location = Location(of.request, *scans.query.target);
  std::string value = cache_.MakeCookieFor(verdict.credential, of.wall + kCookieLife);
  absl::Duration life = kCookieLife;
  if (value.empty()) {
    value = std::string(verdict.credential);
    life = verdict.known->grant.expires_at - of.wall;
  }
  decision.set_cookie = SetCookie(of.request, of.route, value, life);
  return decision;
}

AuthDecision GrantCheck::Admit(Scans& scans, const Verdict& verdict, const Case& of) const {
  AuthDecision decision;
  const absl::string_view target = of.request.target;
  const absl::string_view seen = target.substr(0, target.find('?'));
  decision.add_headers.emplace_back("X-Verified-Path", std::string(seen));
  if (verdict.worth == Worth::kGood) {
    NameUser(verdict.known->grant, decision);
    decision.grant = verdict.known->mark;
    if (verdict.source == Source::kCookie) MaybeRenew(verdict, of, decision);
  }
  decision.target = std::move(scans.query.target);
  decision.cookie = std::move(scans.cookies.cookie);
  decision.websocket_protocols = std::move(scans.protocols.protocols);
  decision.select_spawner_protocol = scans.protocols.has_spawner;
  decision.strip_authorization = verdict.is_bearer_ours;
  return decision;
}

// A cookie that was made of a bare token is renewed at its first use.
void GrantCheck::MaybeRenew(const Verdict& verdict, const Case& of, AuthDecision& decision) const {
  if (verdict.known->valid_until - of.wall >= kCookieRenewBelow) return;
  const std::optional<CookieParts> parts = SplitCookie(verdict.credential);
  const absl::string_view token = parts.has_value() ? parts->token : verdict.credential;
  const std::string value = cache_.MakeCookieFor(token, of.wall + kCookieLife);
  if (value.empty()) return;
  decision.response_fields.emplace_back("Set-Cookie",
                                        SetCookie(of.request, of.route, value, kCookieLife));
}

GrantCheck::Verdict GrantCheck::Judge(const Scans& scans, const Case& of) {
  Verdict best;
  // True: good, look no further, so that `known` stays.
  const auto consider = [this, &best, &of](absl::string_view token, Source source) {
    const KnownGrant* known = nullptr;
    const Worth worth = Weigh(token, source, of, &known);
    best.worth = std::max(best.worth, worth);
    if (worth != Worth::kGood && worth != Worth::kUnused) return false;
    best.source = source;
    best.known = known;
    best.credential = token;
    return true;
  };
  // Also when another one counts: an application's own bearer token is none of our business.
  if (!scans.bearer.empty()) {
    const GrantCache::Finding found =
        cache_.Find(scans.bearer, /*is_cookie=*/false, of.request.client_ip, of.now);
    best.is_bearer_ours = found.known != nullptr || found.is_throttled;
  }
  if (scans.query.token.has_value() && consider(*scans.query.token, Source::kQuery)) return best;
  if (best.is_bearer_ours && consider(scans.bearer, Source::kBearer)) return best;
  for (const absl::string_view token : scans.protocols.tokens) {
    if (consider(token, Source::kProtocol)) return best;
  }
  for (const absl::string_view token : scans.cookies.tokens) {
    if (consider(token, Source::kCookie)) return best;
  }
  if (best.worth == Worth::kNone && !scans.bearer.empty()) best.worth = Worth::kInvalid;
  return best;
}

GrantCheck::Worth GrantCheck::Weigh(absl::string_view token, Source source, const Case& of,
                                    const KnownGrant** known) {
  const GrantCache::Finding found =
      cache_.Find(token, source == Source::kCookie, of.request.client_ip, of.now);
  if (found.is_throttled) return Worth::kThrottled;
  if (found.known == nullptr) return Worth::kInvalid;
  const KnownGrant& grant = *found.known;
  if (of.wall == absl::InfinitePast() || of.wall >= grant.valid_until) return Worth::kExpired;
  if (grant.grant.ns != of.route.ns || grant.grant.session.value != of.route.session_id) {
    return Worth::kForeign;
  }
  if (IsRevoked(of.route, grant.mark)) return Worth::kRevoked;
  *known = found.known;
  if (grant.grant.one_time_in == 0 || grant.is_cookie) return Worth::kGood;
  if (of.request.asked_grant != grant.mark.id) return Worth::kUnused;
  return of.request.is_first_use ? Worth::kGood : Worth::kUsed;
}

}  // namespace spawner::proxy
