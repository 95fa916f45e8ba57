#ifndef SPAWNER_CONTROLLER_AUTH_PEER_BOOK_H_
#define SPAWNER_CONTROLLER_AUTH_PEER_BOOK_H_

#include <cstddef>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "base/token_bucket.h"

namespace spawner::auth {

// What an address may make us ask Kubernetes or an issuer: so much at one time, and so many times a
// second what is answered by no. Answers that are known already are not asked for.
// Thread: one. Owner: Guard.
class PeerBook {
 public:
  // OK: it may ask; each OK needs an End. RESOURCE_EXHAUSTED / RATE_LIMITED with the wait.
  absl::Status Begin(const std::string& peer, Instant now);
  void End(const std::string& peer, bool was_refused, Instant now);
  size_t size() const { return peers_.size(); }

 private:
  struct Peer {
    TokenBucket refusals;
    size_t asking = 0;
  };
  // Null: there are too many, none of which rests.
  Peer* Find(const std::string& peer, Instant now);

  absl::flat_hash_map<std::string, Peer> peers_;
};

// Who counts as one: the IP address of "10.0.0.7:5123", of IPv6 its first 64 bits, which one
// machine has to itself. Text that is no address is taken as it is.
std::string PeerOf(absl::string_view address);

}  // namespace spawner::auth

#endif  // SPAWNER_CONTROLLER_AUTH_PEER_BOOK_H_
