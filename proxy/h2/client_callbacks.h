#ifndef SPAWNER_PROXY_H2_CLIENT_CALLBACKS_H_
#define SPAWNER_PROXY_H2_CLIENT_CALLBACKS_H_

#include <nghttp2/nghttp2.h>

namespace spawner::proxy::h2 {

class ClientConnection;

// nghttp2's session for one connection, which its callbacks tell. Out of memory is fatal.
nghttp2_session* NewClientSession(ClientConnection& connection);
// Where a request's DATA comes from.
nghttp2_data_provider RequestData();

}  // namespace spawner::proxy::h2

#endif  // SPAWNER_PROXY_H2_CLIENT_CALLBACKS_H_
