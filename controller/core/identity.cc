#include "controller/core/identity.h"

#include "absl/strings/str_cat.h"
#include "base/crypto.h"

namespace spawner::core {
namespace {

constexpr int kIdLength = 26;  // 130 bits
constexpr int kGrantLength = 20;

}  // namespace

std::string Identity::Derive(absl::string_view kind, absl::string_view ns,
                             absl::string_view name) const {
  // Lengths in front: no two lists of parts give the same bytes.
  return Base32Lower(HmacSha256(
      secret_, absl::StrCat(kind, ":", ns.size(), ":", ns, ":", name.size(), ":", name)));
}

SessionId Identity::OfKey(absl::string_view ns, absl::string_view key) const {
  return {Derive("key", ns, key).substr(0, kIdLength)};
}

SessionId Identity::OfRequest(absl::string_view ns, absl::string_view request_id) const {
  return {Derive("request", ns, request_id).substr(0, kIdLength)};
}

SessionId Identity::OfNobody(Random& random) { return {random.Base32(kIdLength)}; }

std::string Identity::GrantOf(const SessionId& session, absl::string_view request_id,
                              Random& random) const {
  if (request_id.empty()) return random.Base32(kGrantLength);
  return Derive("grant", session.value, request_id).substr(0, kGrantLength);
}

}  // namespace spawner::core
