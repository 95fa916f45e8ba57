#ifndef SPAWNER_PROXY_H2_RESPONSE_FIELDS_H_
#define SPAWNER_PROXY_H2_RESPONSE_FIELDS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "proxy/http/head.h"

namespace spawner::proxy::h2 {

// A header block: names in lower case, values where they were found. One per thread, used again.
class FieldBlock {
 public:
  // What a response's head is in HTTP/2 (RFC 9113 8.3.2): without what it says of its connection
  // (8.2.2), without the fields that Connection names.
  void SetResponse(const ResponseHead& head);
  // RFC 8441 5: what the head of a 101 to an upgrade is there, a 200.
  void SetUpgrade(const ResponseHead& head);
  // Nothing but a status, of three digits.
  void SetStatus(absl::string_view status);
  // The lines of a trailer section, each with its CRLF. What must not be among trailers there
  // (connection fields, framing) is left out.
  void SetTrailers(absl::string_view lines);

  using Pair = std::pair<absl::string_view, absl::string_view>;
  const std::vector<Pair>& all() const { return fields_; }

 private:
  void Clear(size_t name_bytes);
  // In lower case, good until the next Clear.
  absl::string_view Lower(absl::string_view name);
  void AddRegular(const ResponseHead& head);

  std::string names_;  // never grows while there are views of it
  std::vector<Pair> fields_;
};

}  // namespace spawner::proxy::h2

#endif  // SPAWNER_PROXY_H2_RESPONSE_FIELDS_H_
