#ifndef SPAWNER_PROXY_H2_REQUEST_FIELDS_H_
#define SPAWNER_PROXY_H2_REQUEST_FIELDS_H_

#include "proxy/h2/response_fields.h"
#include "proxy/http/head.h"

namespace spawner::proxy::h2 {

// What a request's head is in HTTP/2 without TLS (RFC 9113 8.3.1), with the `te: trailers` of a
// proxy that passes them on; gRPC servers insist on it. An Upgrade is left out: whoever gets it may
// ignore it (RFC 9110 7.8), and HTTP/2 has none.
FieldBlock RequestFields(const RequestHead& head);

}  // namespace spawner::proxy::h2

#endif  // SPAWNER_PROXY_H2_REQUEST_FIELDS_H_
