#ifndef SPAWNER_PROXY_FORWARD_REQUEST_OUT_H_
#define SPAWNER_PROXY_FORWARD_REQUEST_OUT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "proxy/forward/client_origin.h"
#include "proxy/forward/sessions.h"
#include "proxy/forward/workbench.h"
#include "proxy/route/authorizer.h"

namespace spawner::proxy {

// bench.request as the authorizer sees it; views are good until the next request is parsed.
struct ViewExtras {
  absl::string_view prefix;
  absl::string_view client_ip;
  bool is_secure = false;
};
RequestView ViewForAuthorizer(Workbench& bench, const ViewExtras& extras);

// Who sent it.
struct RequestClient {
  const ClientPeer* peer;
  bool is_secure;  // IsSecure
};
// Appends bench.request with what bench.decision and the route change, for the backend of `place`.
void AppendRequestForBackend(Workbench& bench, const Sessions::Place& place,
                             const RequestClient& client, std::string* out);

// A trailer field that a lenient backend might take for a header field of ours.
bool IsRefusedTrailer(absl::string_view name);

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_FORWARD_REQUEST_OUT_H_
