#ifndef SPAWNER_BASE_TEST_CERTIFICATES_H_
#define SPAWNER_BASE_TEST_CERTIFICATES_H_

#include <string>

namespace spawner {

// PEM texts of a key and its certificate.
struct TestCertificate {
  std::string cert_pem;
  std::string key_pem;
};

struct TestCertificateOptions {
  std::string common_name;
  std::string organization;                 // O of the subject; empty: none
  std::string names;                        // as OpenSSL has them: "IP:127.0.0.1,DNS:api.test"
  const TestCertificate* issuer = nullptr;  // null: an authority
  bool is_rsa = false;                      // of 2048 bits, else P-256
  int valid_seconds = 3600;                 // from a minute ago; negative: it has expired
};

TestCertificate MakeTestCertificate(const TestCertificateOptions& options);

}  // namespace spawner

#endif  // SPAWNER_BASE_TEST_CERTIFICATES_H_
