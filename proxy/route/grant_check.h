#ifndef SPAWNER_PROXY_ROUTE_GRANT_CHECK_H_
#define SPAWNER_PROXY_ROUTE_GRANT_CHECK_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/token.h"
#include "proxy/route/authorizer.h"
#include "proxy/route/request_token.h"
#include "proxy/route/route.h"

namespace spawner::proxy {

// Lets through who has a grant of the session: in the query, as a bearer token, as a WebSocket
// subprotocol or in the cookie, in this order; the first good one counts. A navigation with the
// token in its query is sent on to the same URL without it, with a cookie. The backend sees none of
// these tokens. Routes that need no token let everybody through; a good token names its user there
// as well.
class GrantCheck final : public Authorizer {
 public:
  GrantCheck() = default;

  void Update(const LinkState& state) override;
  AuthDecision Check(const RequestView& request, const Route& route, Instant now) override;

  size_t cached() const { return recent_.size() + older_.size(); }

 private:
  enum class Worth {
    kNone,     // there was no token
    kInvalid,  // not signed by a key we know
    kExpired,
    kForeign,  // good, but of another session
    kGood,
  };
  // The best token that a request has.
  struct Verdict {
    Worth worth = Worth::kNone;
    Grant grant;  // kGood
    bool is_of_query = false;
    // The bearer token is a grant of ours, whatever it is worth now.
    bool is_bearer_ours = false;
  };
  struct Scans;

  Verdict Judge(const Scans& scans, const Route& route, absl::Time wall);
  Worth Weigh(absl::string_view token, const Route& route, absl::Time wall, Grant* grant);
  // The grant of a token whose signature is right, expired or not; null for another.
  const Grant* Verify(absl::string_view token);

  std::vector<VerificationKey> keys_;
  ControllerTime time_;
  // Verified grants by the SHA-256 of their tokens, in two generations: when the recent one is
  // full it becomes the older one, so that what is in use stays and the memory is bounded.
  absl::flat_hash_map<std::string, Grant> recent_;
  absl::flat_hash_map<std::string, Grant> older_;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_ROUTE_GRANT_CHECK_H_
