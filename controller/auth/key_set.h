#ifndef SPAWNER_CONTROLLER_AUTH_KEY_SET_H_
#define SPAWNER_CONTROLLER_AUTH_KEY_SET_H_

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace spawner::auth {

// The public keys of an OIDC issuer: a JWK set (RFC 7517) with what verifies RS256, ES256 (RFC
// 7518) and EdDSA with Ed25519 (RFC 8037). Other keys of the set are left out.
class KeySet {
 public:
  // INVALID_ARGUMENT: it is no JWK set, or has no key that could verify anything.
  static absl::StatusOr<KeySet> Parse(absl::string_view json);

  // Whether it has a key of this id. A token without a `kid` may be of any of them.
  bool Has(absl::string_view key_id) const;
  // Whether one of the keys, that of `key_id` unless that is empty, signed `text` by `algorithm`
  // ("RS256", "ES256", "EdDSA"). A key verifies by one algorithm only: the token can't choose.
  bool Verify(absl::string_view key_id, absl::string_view algorithm, absl::string_view text,
              absl::string_view signature) const;
  size_t size() const { return keys_.size(); }

 private:
  struct Key {
    std::string id;
    std::string algorithm;
    std::shared_ptr<EVP_PKEY> key;  // owners: this set and its copies
  };

  std::vector<Key> keys_;
};

}  // namespace spawner::auth

#endif  // SPAWNER_CONTROLLER_AUTH_KEY_SET_H_
