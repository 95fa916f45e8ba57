#include "proxy/route/grant_check.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/crypto.h"
#include "proxy/route/limits.h"

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

std::string SetCookie(const RequestView& request, absl::string_view token, absl::Duration ttl) {
  const std::string path = request.prefix.empty() ? "/" : absl::StrCat(request.prefix, "/");
  const absl::string_view name = !request.is_tls          ? kCookieName
                                 : request.prefix.empty() ? kHostCookieName
                                                          : kSecureCookieName;
  return absl::StrCat(name, "=", token, "; Path=", path, "; Max-Age=", absl::ToInt64Seconds(ttl),
                      "; HttpOnly; SameSite=Lax", request.is_tls ? "; Secure" : "");
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

}  // namespace

void GrantCheck::Update(const LinkState& state) {
  time_ = state.time;
  if (keys_ == state.keys) return;
  keys_ = state.keys;
  recent_.clear();
  older_.clear();
}

AuthDecision GrantCheck::Check(const RequestView& request, const Route& route, Instant now) {
  Scans scans{.query = ScanQuery(request.target),
              .bearer = ScanBearer(request.headers),
              .cookies = ScanCookies(request.headers, request.is_tls)};
  if (request.is_upgrade) scans.protocols = ScanProtocols(request.headers);
  const absl::Time wall = time_.Now(now);
  const Verdict verdict = Judge(scans, route, wall);
  if (route.token_required) {
    switch (verdict.worth) {
      case Worth::kGood:
        break;
      case Worth::kForeign:
        return Refuse(AuthAction::kForbidden, "TOKEN_INVALID", "the token is for another session");
      case Worth::kExpired:
        return Refuse(AuthAction::kUnauthorized, "TOKEN_EXPIRED", "the token has expired");
      case Worth::kInvalid:
        return Refuse(AuthAction::kUnauthorized, "TOKEN_INVALID", "the token is not valid");
      case Worth::kNone:
        return Refuse(AuthAction::kUnauthorized, "TOKEN_INVALID", "the request has no token");
    }
  }
  AuthDecision decision;
  if (verdict.worth == Worth::kGood && verdict.is_of_query && IsNavigation(request)) {
    decision.action = AuthAction::kRedirect;
    decision.location = Location(request, *scans.query.target);
    decision.set_cookie = SetCookie(request, *scans.query.token, verdict.grant.expires_at - wall);
    return decision;
  }
  const absl::string_view seen = request.target.substr(0, request.target.find('?'));
  decision.add_headers.emplace_back("X-Verified-Path", std::string(seen));
  if (verdict.worth == Worth::kGood) NameUser(verdict.grant, decision);
  decision.target = std::move(scans.query.target);
  decision.cookie = std::move(scans.cookies.cookie);
  decision.websocket_protocols = std::move(scans.protocols.protocols);
  decision.select_spawner_protocol = scans.protocols.has_spawner;
  decision.strip_authorization = verdict.is_bearer_ours;
  return decision;
}

GrantCheck::Verdict GrantCheck::Judge(const Scans& scans, const Route& route, absl::Time wall) {
  Verdict best;
  // True: good, look no further.
  const auto consider = [&](absl::string_view token) {
    Grant grant;
    const Worth worth = Weigh(token, route, wall, &grant);
    if (worth > best.worth) {
      best.worth = worth;
      best.grant = std::move(grant);
    }
    return worth == Worth::kGood;
  };
  // Also when another one counts: an application's own bearer token is none of our business.
  best.is_bearer_ours = !scans.bearer.empty() && Verify(scans.bearer) != nullptr;
  if (scans.query.token.has_value() && consider(*scans.query.token)) {
    best.is_of_query = true;
    return best;
  }
  if (best.is_bearer_ours && consider(scans.bearer)) return best;
  for (const absl::string_view token : scans.protocols.tokens) {
    if (consider(token)) return best;
  }
  for (const absl::string_view token : scans.cookies.tokens) {
    if (consider(token)) return best;
  }
  if (best.worth == Worth::kNone && !scans.bearer.empty()) best.worth = Worth::kInvalid;
  return best;
}

GrantCheck::Worth GrantCheck::Weigh(absl::string_view token, const Route& route, absl::Time wall,
                                    Grant* grant) {
  const Grant* const verified = Verify(token);
  if (verified == nullptr) return Worth::kInvalid;
  if (wall == absl::InfinitePast() || wall >= verified->expires_at) return Worth::kExpired;
  if (verified->ns != route.ns || verified->session.value != route.session_id) {
    return Worth::kForeign;
  }
  *grant = *verified;
  return Worth::kGood;
}

const Grant* GrantCheck::Verify(absl::string_view token) {
  // Not worth a hash, let alone a signature.
  if (token.size() > kTokenBytesMax || !HasTokenForm(token)) return nullptr;
  std::string hash = Sha256(token);
  if (const auto it = recent_.find(hash); it != recent_.end()) return &it->second;
  Grant grant;
  if (const auto it = older_.find(hash); it != older_.end()) {
    grant = std::move(it->second);
    older_.erase(it);
  } else {
    absl::StatusOr<Grant> verified = VerifyGrant(token, keys_, absl::InfinitePast());
    if (!verified.ok()) return nullptr;
    grant = *std::move(verified);
  }
  if (recent_.size() >= kGrantsCachedMax / 2) {
    older_ = std::exchange(recent_, {});
  }
  return &recent_.insert_or_assign(std::move(hash), std::move(grant)).first->second;
}

}  // namespace spawner::proxy
