#ifndef SPAWNER_BASE_CERTIFICATE_H_
#define SPAWNER_BASE_CERTIFICATE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/openssl.h"

namespace spawner {

// Of a file with certificates or a key; the largest chains take some 20 KiB.
inline constexpr size_t kPemBytesMax = 1024 * 1024;

// A certificate with its chain, and its key, as the files have them. Secret: never logged.
struct CertificatePem {
  std::string name;  // for messages: the certificate's file
  std::string certificate;
  std::string key;
  bool operator==(const CertificatePem&) const = default;
};

// What is in a PEM file of certificates, and the key of the first, if it was asked for.
struct Certificate {
  X509Ptr leaf;
  ChainPtr chain;  // without the leaf
  KeyPtr key;
  std::vector<std::string> names;      // lower case; may begin with "*."
  std::vector<std::string> addresses;  // IP addresses among the alternative names
  absl::Time not_before;
  absl::Time not_after;
};

// INVALID_ARGUMENT: "tls.crt: why; what to do". An expired certificate is none of the errors.
absl::StatusOr<Certificate> ParseCertificate(const CertificatePem& pem);
// The same without a key: authorities, say.
absl::StatusOr<Certificate> ParseCertificateChain(const std::string& name, const std::string& text);

}  // namespace spawner

#endif  // SPAWNER_BASE_CERTIFICATE_H_
