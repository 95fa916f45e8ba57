#ifndef SPAWNER_CONTROLLER_CORE_IDENTITY_H_
#define SPAWNER_CONTROLLER_CORE_IDENTITY_H_

#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "base/random.h"

namespace spawner::core {

// Names that outlive incarnations and controllers: each is an HMAC with the install's secret, so
// that it is stable, not guessable, and needs no memory.
class Identity {
 public:
  explicit Identity(std::string install_secret) : secret_(std::move(install_secret)) {}

  SessionId OfKey(absl::string_view ns, absl::string_view key) const;
  // Of a session without a key: a retry of the request that created it finds it again.
  SessionId OfRequest(absl::string_view ns, absl::string_view request_id) const;
  static SessionId OfNobody(Random& random);

  // The same for the same request to the same session; random without a request id.
  std::string GrantOf(const SessionId& session, absl::string_view request_id, Random& random) const;

 private:
  std::string Derive(absl::string_view kind, absl::string_view ns, absl::string_view name) const;

  const std::string secret_;
};

}  // namespace spawner::core

#endif  // SPAWNER_CONTROLLER_CORE_IDENTITY_H_
