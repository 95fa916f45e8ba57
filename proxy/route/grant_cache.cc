#include "proxy/route/grant_cache.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "base/crypto.h"
#include "proxy/route/limits.h"
#include "proxy/route/request_token.h"
#include "proxy/route/session_cookie.h"

namespace spawner::proxy {

void GrantCache::SetKeys(const std::vector<VerificationKey>& keys) {
  if (keys_ == keys) return;
  keys_ = keys;
  recent_.clear();
  older_.clear();
  bad_.clear();
}

GrantCache::Finding GrantCache::Find(absl::string_view credential, bool is_cookie,
                                     absl::string_view client_ip, Instant now) {
  // Not worth a hash, let alone a signature.
  const bool is_token = credential.size() <= kTokenBytesMax && HasTokenForm(credential);
  if (!is_token && !(is_cookie && SplitCookie(credential).has_value())) return {};
  std::string hash = Sha256(credential);
  if (const auto it = recent_.find(hash); it != recent_.end()) return {.known = &it->second};
  if (const auto it = older_.find(hash); it != older_.end()) {
    KnownGrant known = std::move(it->second);
    older_.erase(it);
    return {.known = Remember(std::move(hash), std::move(known))};
  }
  if (bad_.contains(hash)) return {};
  return Verify(credential, hash, client_ip, now);
}

GrantCache::Finding GrantCache::Verify(absl::string_view credential, const std::string& hash,
                                       absl::string_view client_ip, Instant now) {
  const std::optional<CookieParts> cookie = SplitCookie(credential);
  const absl::string_view token = cookie.has_value() ? cookie->token : credential;
  // An application's own JWT, or a key that has been rotated away: no signature of ours to look at.
  const VerificationKey* const key = KeyNamedBy(token, keys_);
  if (key == nullptr) return {};
  std::optional<absl::Time> cookie_until;
  if (cookie.has_value()) {
    // An HMAC is cheap: no budget for it.
    cookie_until = CheckCookie(*cookie, key->renewal_secret);
    if (!cookie_until.has_value()) return {};
  }
  if (!budget_.Allows(client_ip, now)) return {.is_throttled = true};
  ++verified_;
  absl::StatusOr<Grant> grant = VerifyGrant(token, keys_, absl::InfinitePast());
  if (!grant.ok()) return LearnBad(hash, client_ip);
  KnownGrant known = {.grant = *std::move(grant)};
  known.mark = {HashOfGrant(known.grant.id), SecondOf(known.grant.issued_at),
                HashOfUser(known.grant.user)};
  known.is_cookie = cookie_until.has_value();
  known.valid_until = cookie_until.value_or(known.grant.expires_at);
  return {.known = Remember(hash, std::move(known))};
}

const KnownGrant* GrantCache::Remember(std::string hash, KnownGrant known) {
  if (recent_.size() >= kGrantsCachedMax / 2) older_ = std::exchange(recent_, {});
  return &recent_.insert_or_assign(std::move(hash), std::move(known)).first->second;
}

GrantCache::Finding GrantCache::LearnBad(const std::string& hash, absl::string_view client_ip) {
  budget_.Spend(client_ip);
  if (bad_.size() >= kBadTokensMax) bad_.clear();
  bad_.insert(hash);
  return {};
}

std::string GrantCache::MakeCookieFor(absl::string_view token, absl::Time until) const {
  const VerificationKey* const key = KeyNamedBy(token, keys_);
  if (key == nullptr || key->renewal_secret.empty()) return {};
  return MakeCookie(token, until, key->renewal_secret);
}

}  // namespace spawner::proxy
