#ifndef SPAWNER_PROXY_LINK_INSPECT_BOOK_H_
#define SPAWNER_PROXY_LINK_INSPECT_BOOK_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "spawner/v1/proxy_link.pb.h"

namespace spawner::proxy {

// The controller wants to know what is open in a session.
struct InspectAsked {
  uint64_t stream = 0;  // Link's: of another one, the answer is nobody's any more
  uint64_t sequence = 0;
  std::string session_id;
  size_t connections_max = 0;
};

// What the controller asked on the link there is, and the answers that wait to be written.
// Thread: main. Owner: Link.
class InspectBook {
 public:
  // Beyond kInspectsMax the oldest question is given up: who asked shows totals instead.
  void Ask(uint64_t stream, const v1::Inspect& question);
  std::vector<InspectAsked> TakeAsked();
  void Answer(v1::Inspected answer);
  std::optional<v1::Inspected> TakeAnswer();
  void BeginLink();

 private:
  std::deque<InspectAsked> asked_;
  std::deque<v1::Inspected> answers_;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_LINK_INSPECT_BOOK_H_
