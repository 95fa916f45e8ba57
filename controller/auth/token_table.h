#ifndef SPAWNER_CONTROLLER_AUTH_TOKEN_TABLE_H_
#define SPAWNER_CONTROLLER_AUTH_TOKEN_TABLE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controller/auth/caller.h"

namespace spawner::auth {

// Static tokens and who they are of. A line each: `token,user,group,...`. Words behind the user may
// also be rules: `ns=NAME` or `ns=*` (everything in that namespace, or everywhere), `proxy` (may be
// one). A line without any is for Kubernetes' RBAC. Lines that are empty or begin with # are none.
//   s3cr3t-of-the-shop-backend,shop,ns=shop
// Only the tokens' SHA-256 are kept. A value.
class TokenTable {
 public:
  struct Text {
    std::string name;  // of a part, for errors: "key tokens"; empty: it is the only one
    std::string lines;
  };

  // `source` is where lines are written, as callers are told: "--token-file". INVALID_ARGUMENT
  // names the line and what is wrong with it, never the token.
  static absl::StatusOr<TokenTable> Parse(const std::vector<Text>& texts, absl::string_view source);

  // Null: none of ours. `hash` is the SHA-256 of a token.
  CallerPtr Find(absl::string_view hash) const;
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string hash;
    CallerPtr caller;
  };

  absl::Status Add(const Text& text, absl::string_view source);

  std::vector<Entry> entries_;  // by hash
};

}  // namespace spawner::auth

#endif  // SPAWNER_CONTROLLER_AUTH_TOKEN_TABLE_H_
