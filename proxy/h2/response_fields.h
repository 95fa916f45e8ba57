#ifndef SPAWNER_PROXY_H2_RESPONSE_FIELDS_H_
#define SPAWNER_PROXY_H2_RESPONSE_FIELDS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "proxy/http/head.h"

namespace spawner::proxy::h2 {

// A header block: names in lower case.
using FieldBlock = std::vector<std::pair<std::string, std::string>>;

// What a response's head is in HTTP/2 (RFC 9113 8.3.2): without what it says of its connection
// (8.2.2), without the fields that Connection names.
FieldBlock ResponseFields(const ResponseHead& head);
// RFC 8441 5: what the head of a 101 to an upgrade is there, a 200.
FieldBlock UpgradeFields(const ResponseHead& head);

// The lines of a trailer section, each with its CRLF. What must not be among trailers there
// (connection fields, framing) is left out.
FieldBlock TrailerFields(absl::string_view lines);

}  // namespace spawner::proxy::h2

#endif  // SPAWNER_PROXY_H2_RESPONSE_FIELDS_H_
