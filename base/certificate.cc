#include "base/certificate.h"

#include <arpa/inet.h>
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <ctime>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status.h"

namespace spawner {
namespace {

absl::Status Bad(const std::string& name, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(name, ": ", why));
}

BioPtr BioOf(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Without it OpenSSL would ask whoever sits at the terminal.
int NoPassword(char*, int, int, void*) { return -1; }

absl::Time TimeOf(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return absl::InfinitePast();
  return absl::FromUnixSeconds(timegm(&parts));
}

std::string TextOf(const ASN1_STRING* text) {
  return absl::AsciiStrToLower(
      absl::string_view(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                        static_cast<size_t>(ASN1_STRING_length(text))));
}

std::string AddressOf(const ASN1_STRING* bytes) {
  char text[INET6_ADDRSTRLEN] = "";
  const bool is_v4 = ASN1_STRING_length(bytes) == 4;
  if (!is_v4 && ASN1_STRING_length(bytes) != 16) return "";
  inet_ntop(is_v4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(bytes), text, sizeof(text));
  return text;
}

// RFC 6125 6.4.4: the common name counts only if there is no alternative name at all.
void ReadNames(Certificate& certificate) {
  X509* const leaf = certificate.leaf.get();
  auto* const alternatives =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(alternatives, i);
    if (name->type == GEN_DNS) certificate.names.push_back(TextOf(name->d.dNSName));
    if (name->type == GEN_IPADD) certificate.addresses.push_back(AddressOf(name->d.iPAddress));
  }
  const bool has_alternatives = alternatives != nullptr;
  GENERAL_NAMES_free(alternatives);
  if (has_alternatives) return;
  X509_NAME* const subject = X509_get_subject_name(leaf);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return;
  certificate.names.push_back(TextOf(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
}

}  // namespace

absl::StatusOr<Certificate> ParseCertificateChain(const std::string& name,
                                                  const std::string& text) {
  ERR_clear_error();
  if (text.size() > kPemBytesMax) return Bad(name, "a file of more than 1 MiB is no certificate");
  Certificate result;
  const BioPtr certificates = BioOf(text);
  result.leaf.reset(PEM_read_bio_X509(certificates.get(), nullptr, &NoPassword, nullptr));
  if (result.leaf == nullptr) {
    ERR_clear_error();
    return Bad(
        name,
        "no certificate in PEM form in it; the first must be the one itself, its issuers follow");
  }
  result.chain.reset(sk_X509_new_null());
  while (X509* next = PEM_read_bio_X509(certificates.get(), nullptr, &NoPassword, nullptr)) {
    sk_X509_push(result.chain.get(), next);
  }
  const unsigned long end = ERR_peek_last_error();
  const bool is_whole = ERR_GET_REASON(end) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!is_whole) return Bad(name, "a certificate behind the first is damaged; write the file anew");
  ReadNames(result);
  result.not_before = TimeOf(X509_get0_notBefore(result.leaf.get()));
  result.not_after = TimeOf(X509_get0_notAfter(result.leaf.get()));
  return result;
}

absl::StatusOr<Certificate> ParseCertificate(const CertificatePem& pem) {
  ASSIGN_OR_RETURN(Certificate result, ParseCertificateChain(pem.name, pem.certificate));
  if (pem.key.size() > kPemBytesMax) {
    return Bad(pem.name, "a file of more than 1 MiB is no key");
  }
  result.key.reset(PEM_read_bio_PrivateKey(BioOf(pem.key).get(), nullptr, &NoPassword, nullptr));
  if (result.key == nullptr) {
    ERR_clear_error();
    const bool is_encrypted = pem.key.find("ENCRYPTED") != std::string::npos;
    return Bad(pem.name, is_encrypted ? "its key is encrypted; give one without a password"
                                      : "no private key in PEM form in its key file");
  }
  if (X509_check_private_key(result.leaf.get(), result.key.get()) != 1) {
    ERR_clear_error();
    return Bad(pem.name,
               "its key belongs to another certificate; give the two that were made together");
  }
  return result;
}

}  // namespace spawner
