#include "proxy/tls/material.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "base/test_certificates.h"
#include "gtest/gtest.h"

namespace spawner::proxy {
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
            "tls.crt: no certificate in PEM form in it; it must begin with the server's own");
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

TEST(ParseTicketKeys, ReadsTheFirstAndThePreviousOnes) {
  const std::string secret(64, 'A');
  absl::StatusOr<std::vector<TicketKey>> keys =
      ParseTicketKeys(absl::StrCat("# now\n", secret, "\r\n\n# before\n", std::string(64, 'B')));
  ASSERT_TRUE(keys.ok()) << keys.status();
  ASSERT_EQ(keys->size(), 2u);
  EXPECT_EQ((*keys)[0].name.size(), 16u);
  EXPECT_EQ((*keys)[0].cipher.size(), 32u);
  EXPECT_EQ((*keys)[0].mac.size(), 32u);
  EXPECT_NE((*keys)[0].name, (*keys)[1].name);
  EXPECT_NE((*keys)[0].cipher, (*keys)[0].mac);
}

TEST(ParseTicketKeys, SaysWhatIsWrongWithoutASecretInIt) {
  for (const std::string& text : {std::string("c2VjcmV0\n"), std::string("!!!not base64!!!")}) {
    const absl::Status status = ParseTicketKeys(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(std::string(status.message()).find(text.substr(0, 8)), std::string::npos) << status;
  }
  EXPECT_FALSE(ParseTicketKeys("# nothing\n").ok());
  std::string many;
  for (int i = 0; i < 17; ++i) many += std::string(64, static_cast<char>('A' + i)) + "\n";
  EXPECT_FALSE(ParseTicketKeys(many).ok());
}

}  // namespace
}  // namespace spawner::proxy
