#ifndef SPAWNER_CONTROLLER_KUBE_TEST_CERTIFICATES_H_
#define SPAWNER_CONTROLLER_KUBE_TEST_CERTIFICATES_H_

#include <string>

namespace spawner::kube {

// PEM texts of a P-256 key and its certificate, valid for an hour.
struct TestCertificate {
  std::string cert_pem;
  std::string key_pem;
};

// `names` as OpenSSL has them: "IP:127.0.0.1,DNS:api.test". With `issuer` null: an authority.
TestCertificate MakeTestCertificate(const std::string& common_name, const std::string& names,
                                    const TestCertificate* issuer);

}  // namespace spawner::kube

#endif  // SPAWNER_CONTROLLER_KUBE_TEST_CERTIFICATES_H_
