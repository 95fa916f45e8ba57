#ifndef SPAWNER_PROXY_H2_REQUEST_FIELDS_H_
#define SPAWNER_PROXY_H2_REQUEST_FIELDS_H_

#include <string>
#include <utility>
#include <vector>

#include "proxy/http/head.h"

namespace spawner::proxy::h2 {

// A header block of its own: names in lower case.
using OwnedFields = std::vector<std::pair<std::string, std::string>>;

// What a request's head is in HTTP/2 without TLS (RFC 9113 8.3.1), with the `te: trailers` of a
// proxy that passes them on; gRPC servers insist on it. An Upgrade is left out: whoever gets it may
// ignore it (RFC 9110 7.8), and HTTP/2 has none.
OwnedFields RequestFields(const RequestHead& head);

}  // namespace spawner::proxy::h2

#endif  // SPAWNER_PROXY_H2_REQUEST_FIELDS_H_
