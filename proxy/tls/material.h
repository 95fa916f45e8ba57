#ifndef SPAWNER_PROXY_TLS_MATERIAL_H_
#define SPAWNER_PROXY_TLS_MATERIAL_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/certificate.h"

namespace spawner::proxy {

// Seals and opens session tickets; all proxies with the same secret share them.
struct TicketKey {
  std::string name;    // 16 bytes, sent in clear: which key it is
  std::string cipher;  // 32 bytes, AES-256
  std::string mac;     // 32 bytes, HMAC-SHA256
};
// `secret`: kTicketSecretBytesMin random bytes or more.
TicketKey TicketKeyFromSecret(absl::string_view secret);

// "BASE64\nBASE64\n", the first seals. Comments begin with '#'. INVALID_ARGUMENT says what is
// wrong, never what is in it.
absl::StatusOr<std::vector<TicketKey>> ParseTicketKeys(absl::string_view text);

// What the workers need to be TLS servers. A value: posted to each of them.
struct TlsMaterial {
  std::vector<CertificatePem> certificates;  // the first is for clients that name no host of ours
  std::vector<TicketKey> ticket_keys;        // the first seals
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_TLS_MATERIAL_H_
