#ifndef SPAWNER_CONTROLLER_AUTH_STATIC_TOKENS_H_
#define SPAWNER_CONTROLLER_AUTH_STATIC_TOKENS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "controller/auth/caller.h"

namespace spawner::auth {

// The tokens of a file, a line each: `token,user,group,...`. Words behind the user may also be
// rules: `ns=NAME` or `ns=*` (everything in that namespace, or everywhere), `proxy` (may be one).
// A line without any is for Kubernetes' RBAC. Lines that are empty or begin with # are none.
//   s3cr3t-of-the-shop-backend,shop,ns=shop
// Only the tokens' SHA-256 are kept. The file is read again as it changes; one that is malformed
// later leaves what was known, and is logged.
// Thread: the loop's. Owner: Guard.
class StaticTokens {
 public:
  // INVALID_ARGUMENT names the line and what is wrong with it, never the token.
  static absl::StatusOr<StaticTokens> Open(std::string path);

  // Reads the file again if it is time to.
  void Step(Instant now);

  Instant NextWake() const { return read_at_; }

  // Null: none of ours. `hash` is the SHA-256 of a token.
  CallerPtr Find(absl::string_view hash) const;
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string hash;
    CallerPtr caller;
  };
  explicit StaticTokens(std::string path) : path_(std::move(path)) {}
  static absl::StatusOr<std::vector<Entry>> Parse(absl::string_view text);

  std::string path_;
  std::string text_hash_;
  std::vector<Entry> entries_;  // by hash
  Instant read_at_;
};

}  // namespace spawner::auth

#endif  // SPAWNER_CONTROLLER_AUTH_STATIC_TOKENS_H_
