#ifndef SPAWNER_CONTROLLER_KUBE_TOKEN_SOURCE_H_
#define SPAWNER_CONTROLLER_KUBE_TOKEN_SOURCE_H_

#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"

namespace spawner::kube {

// The bearer token to send. Kubelet rotates a pod's token file long before the old one expires: it
// is read again once a minute at most, as client-go does, and at once after a 401.
// Thread: the loop's. Owner: CurlTransport.
class TokenSource {
 public:
  // With both: the file.
  TokenSource(std::string token, std::string token_file);

  // Empty: none is used. UNAUTHENTICATED: the file can't be read or holds no token, and never did;
  // later failures keep the last token and are logged.
  absl::StatusOr<std::string> Get(Instant now);
  // The server did not know the token.
  void Refused() { read_again_at_ = Instant{}; }

 private:
  absl::StatusOr<std::string> Read() const;

  std::string token_;
  const std::string token_file_;
  Instant read_again_at_{};
};

}  // namespace spawner::kube

#endif  // SPAWNER_CONTROLLER_KUBE_TOKEN_SOURCE_H_
