#include "base/test_certificates.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <memory>

#include "base/check.h"

namespace spawner {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free_all)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Cert = std::unique_ptr<X509, decltype(&X509_free)>;

Bio Memory() { return Bio(BIO_new(BIO_s_mem()), BIO_free_all); }
Bio Memory(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free_all);
}

std::string TextOf(const Bio& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

void Extend(X509* cert, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  SPAWNER_CHECK(extension != nullptr);
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
}

}  // namespace

TestCertificate MakeTestCertificate(const TestCertificateOptions& options) {
  const TestCertificate* const issuer = options.issuer;
  const Key key(options.is_rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"), EVP_PKEY_free);
  const Cert cert(X509_new(), X509_free);
  Key issuer_key(nullptr, EVP_PKEY_free);
  Cert issuer_cert(nullptr, X509_free);
  if (issuer != nullptr) {
    issuer_key.reset(
        PEM_read_bio_PrivateKey(Memory(issuer->key_pem).get(), nullptr, nullptr, nullptr));
    issuer_cert.reset(PEM_read_bio_X509(Memory(issuer->cert_pem).get(), nullptr, nullptr, nullptr));
  }
  X509* const signer = issuer == nullptr ? cert.get() : issuer_cert.get();
  X509_set_version(cert.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), issuer == nullptr ? 1 : 2);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), options.valid_seconds < 0 ? -7200 : -60);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), options.valid_seconds);
  X509_set_pubkey(cert.get(), key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(options.common_name.c_str()),
                             -1, -1, 0);
  if (!options.organization.empty()) {
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert.get()), "O", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(options.organization.c_str()),
                               -1, -1, 0);
  }
  X509_set_issuer_name(cert.get(), X509_get_subject_name(signer));
  Extend(cert.get(), signer, NID_basic_constraints, issuer == nullptr ? "CA:TRUE" : "CA:FALSE");
  if (!options.names.empty()) {
    Extend(cert.get(), signer, NID_subject_alt_name, options.names);
  }
  SPAWNER_CHECK(
      X509_sign(cert.get(), issuer == nullptr ? key.get() : issuer_key.get(), EVP_sha256()) > 0);
  const Bio cert_text = Memory();
  const Bio key_text = Memory();
  PEM_write_bio_X509(cert_text.get(), cert.get());
  PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return {TextOf(cert_text), TextOf(key_text)};
}

}  // namespace spawner
