#ifndef SPAWNER_TESTS_CONFORMANCE_HTTP1_CONVERSATION_H_
#define SPAWNER_TESTS_CONFORMANCE_HTTP1_CONVERSATION_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace spawner::proxy {

// One line of a conversation between a client, the proxy and a backend.
struct Step {
  enum class Kind { kClientSends, kBackendGets, kBackendSends, kClientGets, kCommand };
  Kind kind = Kind::kCommand;
  std::string bytes;               // unless a command
  std::vector<std::string> words;  // of a command
  int line = 0;
};

// A case of the raw-byte tables; their form is told at the top of tables/request_line.txt.
struct Conversation {
  std::string name;
  int line = 0;
  std::vector<Step> steps;
};

// INVALID_ARGUMENT names the line.
absl::StatusOr<std::vector<Conversation>> ParseConversations(absl::string_view text);

// What the proxy adds to a request for `host`.
std::string AddedFields(absl::string_view host);

}  // namespace spawner::proxy

#endif  // SPAWNER_TESTS_CONFORMANCE_HTTP1_CONVERSATION_H_
