#include "controller/auth/certificate.h"

#include <gtest/gtest.h>

#include "base/status.h"
#include "base/test_certificates.h"

namespace spawner::auth {
namespace {

TEST(Certificate, IsItsCommonNameInItsOrganizations) {
  const TestCertificate made = MakeTestCertificate(
      {.common_name = "shop", .organization = "backends", .names = "URI:spiffe://a/b"});
  const auto caller = CallerOfCertificate(made.cert_pem);
  ASSERT_TRUE(caller.ok()) << caller.status();
  EXPECT_EQ((*caller)->name, "shop");
  EXPECT_EQ((*caller)->groups, (std::vector<std::string>{"backends"}));
}

TEST(Certificate, IsItsUriWithoutACommonName) {
  const TestCertificate made =
      MakeTestCertificate({.common_name = "", .names = "DNS:a.test,URI:spiffe://a/b"});
  const auto caller = CallerOfCertificate(made.cert_pem);
  ASSERT_TRUE(caller.ok()) << caller.status();
  EXPECT_EQ((*caller)->name, "spiffe://a/b");
}

TEST(Certificate, ThatNamesNobodyIsRefused) {
  const TestCertificate nobody = MakeTestCertificate({.common_name = "", .names = "DNS:a.test"});
  EXPECT_EQ(ReasonOf(CallerOfCertificate(nobody.cert_pem).status()), "TOKEN_INVALID");
  EXPECT_EQ(ReasonOf(CallerOfCertificate("-----BEGIN").status()), "TOKEN_INVALID");
}

}  // namespace
}  // namespace spawner::auth
