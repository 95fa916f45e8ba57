#ifndef SPAWNER_CONTROLLER_SESSION_REVOCATIONS_H_
#define SPAWNER_CONTROLLER_SESSION_REVOCATIONS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// Which grants of a session do not count any more: an annotation of its pod, carried over to the
// next incarnation of its key.
namespace spawner {

constexpr char kRevocationsNote[] = "spawner.dev/revocations";

// Every entry has a second: the grants that it takes back were issued before it. A grant's iat has
// whole seconds, so a revocation's is in the future by up to one, and a grant that is issued after
// it gets IssueSecond instead of the time: it is never taken back by what came before it.
struct Revocations {
  std::map<std::string, int64_t> grants;  // grant id -> second
  std::map<std::string, int64_t> users;   // user -> second: all grants of this user
  int64_t not_issued_before = 0;          // all grants; 0: none

  bool empty() const { return grants.empty() && users.empty() && not_issued_before == 0; }
  size_t size() const { return grants.size() + users.size(); }
  bool operator==(const Revocations&) const = default;
};

// Until now, of this one session. Beyond kRevocationsMax, or its bytes, the older half becomes "not
// issued before": who was let in before has to be let in anew.
void RevokeOne(absl::string_view grant_id, absl::Time now, Revocations& revocations);
void RevokeUser(absl::string_view user, absl::Time now, Revocations& revocations);
void RevokeAll(absl::Time now, Revocations& revocations);

// What either takes back, within the same bounds.
void Merge(const Revocations& more, Revocations& into);
// Whether `a` takes back all that `b` does.
bool Covers(const Revocations& a, const Revocations& b);
// Drops what no token or cookie can be made of any more: kRevocationLife.
void ForgetOld(absl::Time now, Revocations& revocations);
// When everything may be forgotten; InfinitePast if there is nothing.
absl::Time ForgottenAt(const Revocations& revocations);

// `now`, or later by as much as it takes not to be revoked: iat of a new grant of `user`.
absl::Time IssueSecond(const Revocations& revocations, absl::string_view user, absl::Time now);

// The annotation; empty for none. Decode(Encode(r)) == r.
std::string EncodeRevocations(const Revocations& revocations);
// INVALID_ARGUMENT says what is mangled.
absl::StatusOr<Revocations> DecodeRevocations(absl::string_view text);

}  // namespace spawner

#endif  // SPAWNER_CONTROLLER_SESSION_REVOCATIONS_H_
