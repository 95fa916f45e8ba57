#ifndef SPAWNER_CONTROLLER_AUTH_SECRET_TOKENS_H_
#define SPAWNER_CONTROLLER_AUTH_SECRET_TOKENS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "controller/auth/token_table.h"
#include "controller/kube/kube_client.h"

namespace spawner::auth {

// A Secret of Kubernetes with static tokens.
struct TokenSecret {
  std::string ns;
  std::string name;
};

// The tokens of a Secret: each of its keys holds lines as of token_table.h. It is read at start and
// every kSecretReadEvery, so a rotation needs no restart. One that is malformed later, or can't be
// read, leaves what was known, and is logged; one that is deleted takes its tokens with it.
// Thread: the loop's. Owner: Guard. `client` outlives it, and calls nothing after its end.
class SecretTokens {
 public:
  SecretTokens(kube::KubeClient& client, TokenSecret secret);
  SecretTokens(const SecretTokens&) = delete;
  SecretTokens& operator=(const SecretTokens&) = delete;

  // Reads it again if it is time to.
  void Step(Instant now);
  Instant NextWake() const { return is_asking_ ? Instant::Infinite() : read_at_; }

  // Null: none of ours, as far as is known.
  CallerPtr Find(absl::string_view hash) const { return table_.Find(hash); }
  // Not OK until it was read once: a token that is not found may be good. UNAVAILABLE /
  // KUBERNETES_UNREACHABLE with a wait.
  absl::Status status() const;
  const std::string& where() const { return where_; }  // "the Secret spawner-system/tokens"

 private:
  void Take(const absl::StatusOr<std::string>& json);
  absl::StatusOr<TokenTable> Parse(const std::string& json) const;

  kube::KubeClient& client_;
  const std::string path_;
  const std::string where_;
  TokenTable table_;
  std::string text_hash_;  // of what was read last
  absl::Status problem_;   // of the last try
  bool was_read_ = false;
  bool is_known_ = false;  // what it holds, or that it is gone
  bool is_asking_ = false;
  Instant read_at_;
};

}  // namespace spawner::auth

#endif  // SPAWNER_CONTROLLER_AUTH_SECRET_TOKENS_H_
