#include "base/certificate.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/test_certificates.h"
#include "gtest/gtest.h"

namespace spawner {
namespace {

CertificatePem PemOf(const TestCertificate& certificate) {
  return {"tls.crt", certificate.cert_pem, certificate.key_pem};
}

std::string ErrorOf(const CertificatePem& pem) {
  return std::string(ParseCertificate(pem).status().message());
}

TEST(ParseCertificate, ReadsNamesTimesAndChain) {
  const TestCertificate authority = MakeTestCertificate({.common_name = "authority"});
  const TestCertificate leaf = MakeTestCertificate(
      {.common_name = "ignored", .names = "DNS:*.App.Test,DNS:app.test", .issuer = &authority});
  CertificatePem pem = PemOf(leaf);
  pem.certificate = absl::StrCat("a comment\n", leaf.cert_pem, authority.cert_pem);
  absl::StatusOr<Certificate> parsed = ParseCertificate(pem);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->names, (std::vector<std::string>{"*.app.test", "app.test"}));
  EXPECT_EQ(sk_X509_num(parsed->chain.get()), 1);
  EXPECT_EQ(parsed->not_after - parsed->not_before, absl::Seconds(3660));
}

TEST(ParseCertificate, ReadsAddresses) {
  absl::StatusOr<Certificate> parsed = ParseCertificate(PemOf(
      MakeTestCertificate({.common_name = "ignored", .names = "IP:127.0.0.1,IP:2001:db8::1"})));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->names, std::vector<std::string>{});
  EXPECT_EQ(parsed->addresses, (std::vector<std::string>{"127.0.0.1", "2001:db8::1"}));
}

TEST(ParseCertificate, TakesTheCommonNameIfThereIsNoOther) {
  absl::StatusOr<Certificate> parsed =
      ParseCertificate(PemOf(MakeTestCertificate({.common_name = "Old.test"})));
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->names, std::vector<std::string>{"old.test"});
}

TEST(ParseCertificate, SaysWhatIsWrong) {
  const TestCertificate one = MakeTestCertificate({.common_name = "one"});
  const TestCertificate two = MakeTestCertificate({.common_name = "two"});
  EXPECT_EQ(
      ErrorOf({"tls.crt", one.cert_pem, two.key_pem}),
      "tls.crt: its key belongs to another certificate; give the two that were made together");
  EXPECT_EQ(ErrorOf({"tls.crt", "", one.key_pem}),
            "tls.crt: no certificate in PEM form in it; the first must be the one itself, its "
            "issuers follow");
  EXPECT_EQ(ErrorOf({"tls.crt", one.cert_pem, one.cert_pem}),
            "tls.crt: no private key in PEM form in its key file");
  std::string damaged = two.cert_pem;
  damaged[100] = '!';
  EXPECT_EQ(ErrorOf({"tls.crt", one.cert_pem + damaged, one.key_pem}),
            "tls.crt: a certificate behind the first is damaged; write the file anew");
  EXPECT_EQ(ErrorOf({"tls.crt", one.cert_pem,
                     "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n"
                     "-----END ENCRYPTED PRIVATE KEY-----\n"}),
            "tls.crt: its key is encrypted; give one without a password");
}

TEST(ParseCertificateChain, NeedsNoKey) {
  const TestCertificate authority = MakeTestCertificate({.common_name = "authority"});
  absl::StatusOr<Certificate> parsed = ParseCertificateChain("ca.crt", authority.cert_pem);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->key, nullptr);
  EXPECT_EQ(ParseCertificateChain("ca.crt", authority.key_pem).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace spawner
