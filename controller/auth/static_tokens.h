#ifndef SPAWNER_CONTROLLER_AUTH_STATIC_TOKENS_H_
#define SPAWNER_CONTROLLER_AUTH_STATIC_TOKENS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "controller/auth/token_table.h"

namespace spawner::auth {

// The tokens of a file (token_table.h has its form). It is read again as it changes; one that is
// malformed later leaves what was known, and is logged.
// Thread: the loop's. Owner: Guard.
class StaticTokens {
 public:
  // INVALID_ARGUMENT as TokenTable::Parse; else why the file can't be read.
  static absl::StatusOr<StaticTokens> Open(std::string path);

  // Reads the file again if it is time to.
  void Step(Instant now);

  Instant NextWake() const { return read_at_; }

  // Null: none of ours. `hash` is the SHA-256 of a token.
  CallerPtr Find(absl::string_view hash) const { return table_.Find(hash); }
  size_t size() const { return table_.size(); }

 private:
  explicit StaticTokens(std::string path) : path_(std::move(path)) {}

  std::string path_;
  std::string text_hash_;
  TokenTable table_;
  Instant read_at_;
};

}  // namespace spawner::auth

#endif  // SPAWNER_CONTROLLER_AUTH_STATIC_TOKENS_H_
