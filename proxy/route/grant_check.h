#ifndef SPAWNER_PROXY_ROUTE_GRANT_CHECK_H_
#define SPAWNER_PROXY_ROUTE_GRANT_CHECK_H_

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "proxy/route/authorizer.h"
#include "proxy/route/grant_cache.h"
#include "proxy/route/request_token.h"
#include "proxy/route/route.h"

namespace spawner::proxy {

// Lets through who has a grant of the session: in the query, as a bearer token, as a WebSocket
// subprotocol or in the cookie, in this order; the first good one counts. A navigation with the
// token in its query is sent on to the same URL without it, with a cookie, which is renewed as it
// is used. The backend sees none of these. Routes that need no token let everybody through; a good
// token names its user there as well. Answers CORS preflights where a route has allowed_origins.
class GrantCheck final : public Authorizer {
 public:
  GrantCheck() = default;

  void Update(const LinkState& state) override;
  AuthDecision Check(const RequestView& request, const Route& route, Instant now) override;

  const GrantCache& cache() const { return cache_; }

 private:
  enum class Worth {
    kNone,       // there was no token
    kInvalid,    // not signed by a key we know
    kThrottled,  // not looked at
    kExpired,
    kForeign,  // good, but of another session
    kRevoked,
    kUsed,    // a one-time token, for the second time
    kUnused,  // the same, and only the leader can tell
    kGood,
  };
  enum class Source { kNone, kQuery, kBearer, kProtocol, kCookie };
  // The best token that a request has.
  struct Verdict {
    Worth worth = Worth::kNone;
    Source source = Source::kNone;  // kGood
    const KnownGrant* known = nullptr;
    absl::string_view credential;
    // The bearer token is a grant of ours, whatever it is worth now.
    bool is_bearer_ours = false;
  };
  // What one call is about.
  struct Case {
    const RequestView& request;
    const Route& route;
    Instant now;
    absl::Time wall;
  };
  struct Scans;

  Verdict Judge(const Scans& scans, const Case& of);
  Worth Weigh(absl::string_view token, Source source, const Case& of, const KnownGrant** known);
  AuthDecision Admit(Scans& scans, const Verdict& verdict, const Case& of) const;
  AuthDecision Exchange(const Scans& scans, const Verdict& verdict, const Case& of) const;
  void MaybeRenew(const Verdict& verdict, const Case& of, AuthDecision& decision) const;
  static AuthDecision Refusal(Worth worth);

  ControllerTime time_;
  GrantCache cache_;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_ROUTE_GRANT_CHECK_H_
