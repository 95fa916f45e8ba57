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

// Where a request came from in the first place, as far as can be known.
struct ClientOrigin {
  std::string ip;             // for limits and logs
  std::string forwarded_for;  // X-Forwarded-For for the backend
  bool is_secure = false;     // the client speaks https
};

// A trusted peer's X-Forwarded-For is extended, and the client is the right-most address in it that
// is not a trusted proxy: what stands left of that, anybody may have written. Everybody else's is
// replaced.
ClientOrigin OriginOf(const RequestHead& request, const ClientPeer& peer, const IpRanges& trusted);

// The same is_secure, for less.
bool IsSecure(const RequestHead& request, const ClientPeer& peer);

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_CLIENT_ORIGIN_H_
