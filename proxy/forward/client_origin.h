#ifndef SPAWNER_PROXY_FORWARD_CLIENT_ORIGIN_H_
#define SPAWNER_PROXY_FORWARD_CLIENT_ORIGIN_H_

#include <string>

#include "absl/strings/string_view.h"
#include "base/ip_ranges.h"
#include "proxy/http/head.h"

namespace spawner::proxy {

// The other end of a client connection.
struct ClientPeer {
  std::string ip;
  bool is_secure = false;   // TLS ends at this proxy
  bool is_trusted = false;  // a proxy of --trusted-proxies: what it says of its client counts
};

// Where a request came from in the first place, as far as can be known, for limits and logs: of
// what a trusted peer's X-Forwarded-For says the right-most address that is no trusted proxy. What
// stands left of that, anybody may have written. Everybody else is the client itself. A view of
// the request or of the peer.
absl::string_view ClientIp(const RequestHead& request, const ClientPeer& peer,
                           const IpRanges& trusted);

// X-Forwarded-For for the backend: a trusted peer's is extended, put together in `*chain`;
// everybody else's is replaced.
absl::string_view ForwardedFor(const RequestHead& request, const ClientPeer& peer,
                               std::string* chain);

// The client speaks https.
bool IsSecure(const RequestHead& request, const ClientPeer& peer);

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_CLIENT_ORIGIN_H_
