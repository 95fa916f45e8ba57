#ifndef SPAWNER_PROXY_ROUTE_GRANT_CACHE_H_
#define SPAWNER_PROXY_ROUTE_GRANT_CACHE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/token.h"
#include "proxy/route/revocation.h"
#include "proxy/route/verify_budget.h"

namespace spawner::proxy {

// A token or a cookie of ours whose signature is right, expired or not.
struct KnownGrant {
  Grant grant;
  GrantMark mark;
  absl::Time valid_until;
  bool is_cookie = false;  // with our mark: a one-time token in it has been used
};

// Verifies each credential once and remembers it by its SHA-256: good ones in two generations (when
// the recent one is full it becomes the older one), so that what is in use stays and the memory is
// bounded; bad ones in a set of their own, so that a flood of them drives out no good one.
// Thread: one worker's. Owner: GrantCheck.
class GrantCache {
 public:
  struct Finding {
    const KnownGrant* known = nullptr;  // until the next Find; null: not ours
    bool is_throttled = false;          // not looked at: its address has sent too many bad ones
  };

  // Forgets everything if they differ.
  void SetKeys(const std::vector<VerificationKey>& keys);
  // Of a token, wherever it came, or with `is_cookie` of a cookie's value.
  Finding Find(absl::string_view credential, bool is_cookie, absl::string_view client_ip,
               Instant now);

  // A cookie for this token, a verified one, until that time; empty: its key has no secret.
  std::string MakeCookieFor(absl::string_view token, absl::Time until) const;

  size_t good() const { return recent_.size() + older_.size(); }
  size_t bad() const { return bad_.size(); }
  size_t verified() const { return verified_; }  // signatures looked at

 private:
  Finding Verify(absl::string_view credential, const std::string& hash, absl::string_view client_ip,
                 Instant now);
  const KnownGrant* Remember(std::string hash, KnownGrant known);
  Finding LearnBad(const std::string& hash, absl::string_view client_ip);

  std::vector<VerificationKey> keys_;
  VerifyBudget budget_;
  absl::flat_hash_map<std::string, KnownGrant> recent_;
  absl::flat_hash_map<std::string, KnownGrant> older_;
  absl::flat_hash_set<std::string> bad_;
  size_t verified_ = 0;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_ROUTE_GRANT_CACHE_H_
