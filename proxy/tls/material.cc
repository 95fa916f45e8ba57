#include "proxy/tls/material.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/crypto.h"
#include "base/status.h"
#include "proxy/tls/limits.h"

namespace spawner::proxy {
namespace {

absl::Status Bad(const CertificatePem& pem, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(pem.name, ": ", why));
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

// RFC 6125 6.4.4: the common name counts only if there is no alternative name at all.
std::vector<std::string> NamesOf(X509* leaf) {
  std::vector<std::string> names;
  auto* const alternatives =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(alternatives, i);
    if (name->type == GEN_DNS) names.push_back(TextOf(name->d.dNSName));
  }
  const bool has_alternatives = alternatives != nullptr;
  GENERAL_NAMES_free(alternatives);
  if (has_alternatives) return names;
  X509_NAME* const subject = X509_get_subject_name(leaf);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at >= 0) names.push_back(TextOf(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
  return names;
}

}  // namespace

absl::StatusOr<Certificate> ParseCertificate(const CertificatePem& pem) {
  ERR_clear_error();
  if (pem.certificate.size() > kPemBytesMax || pem.key.size() > kPemBytesMax) {
    return Bad(pem, "a file of more than 1 MiB is no certificate");
  }
  Certificate result;
  const BioPtr certificates = BioOf(pem.certificate);
  result.leaf.reset(PEM_read_bio_X509(certificates.get(), nullptr, &NoPassword, nullptr));
  if (result.leaf == nullptr) {
    ERR_clear_error();
    return Bad(pem, "no certificate in PEM form in it; it must begin with the server's own");
  }
  result.chain.reset(sk_X509_new_null());
  while (X509* next = PEM_read_bio_X509(certificates.get(), nullptr, &NoPassword, nullptr)) {
    sk_X509_push(result.chain.get(), next);
  }
  const unsigned long end = ERR_peek_last_error();
  const bool is_whole = ERR_GET_REASON(end) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!is_whole) return Bad(pem, "a certificate behind the first is damaged; write the file anew");
  result.key.reset(PEM_read_bio_PrivateKey(BioOf(pem.key).get(), nullptr, &NoPassword, nullptr));
  if (result.key == nullptr) {
    ERR_clear_error();
    const bool is_encrypted = pem.key.find("ENCRYPTED") != std::string::npos;
    return Bad(pem, is_encrypted ? "its key is encrypted; give one without a password"
                                 : "no private key in PEM form in its key file");
  }
  if (X509_check_private_key(result.leaf.get(), result.key.get()) != 1) {
    ERR_clear_error();
    return Bad(pem, "its key belongs to another certificate; give the two that were made together");
  }
  result.names = NamesOf(result.leaf.get());
  result.not_before = TimeOf(X509_get0_notBefore(result.leaf.get()));
  result.not_after = TimeOf(X509_get0_notAfter(result.leaf.get()));
  return result;
}

TicketKey TicketKeyFromSecret(absl::string_view secret) {
  return {.name = HmacSha256(secret, "spawner ticket name").substr(0, 16),
          .cipher = HmacSha256(secret, "spawner ticket cipher"),
          .mac = HmacSha256(secret, "spawner ticket mac")};
}

absl::StatusOr<std::vector<TicketKey>> ParseTicketKeys(absl::string_view text) {
  std::vector<TicketKey> keys;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line.front() == '#') continue;
    std::string secret;
    if (!absl::Base64Unescape(line, &secret) || secret.size() < kTicketSecretBytesMin) {
      return absl::InvalidArgumentError(absl::StrCat(
          "line ", number,
          " is not base64 of 32 bytes or more, as `openssl rand -base64 48` makes it"));
    }
    if (keys.size() == kTicketKeysMax) {
      return absl::InvalidArgumentError(
          absl::StrCat("it has more than ", kTicketKeysMax, " keys; take the oldest out"));
    }
    keys.push_back(TicketKeyFromSecret(secret));
  }
  if (keys.empty()) {
    return absl::InvalidArgumentError(
        "it has no key; write one line made by `openssl rand -base64 48`");
  }
  return keys;
}

}  // namespace spawner::proxy
