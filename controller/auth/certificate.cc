#include "controller/auth/certificate.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <utility>

#include "controller/auth/limits.h"

namespace spawner::auth {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free_all)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Names = std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)>;

constexpr absl::string_view kRemedy =
    "use a client certificate whose subject has a CN, or a URI among its alternative names";

// In UTF-8; empty for what is none, or holds a NUL: two readers would see two names.
std::string TextOf(const ASN1_STRING* value) {
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, value);
  if (size < 0) return "";
  std::string text(reinterpret_cast<const char*>(utf8), static_cast<size_t>(size));
  OPENSSL_free(utf8);
  return text.find('\0') == std::string::npos ? text : "";
}

std::string FirstUri(const X509* certificate) {
  const Names names(static_cast<GENERAL_NAMES*>(
                        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
                    GENERAL_NAMES_free);
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_URI) return TextOf(name->d.uniformResourceIdentifier);
  }
  return "";
}

}  // namespace

absl::StatusOr<CallerPtr> CallerOfCertificate(absl::string_view pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free_all);
  const Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free);
  if (certificate == nullptr) return TokenInvalid("the client certificate is malformed", kRemedy);
  Caller caller;
  const X509_NAME* subject = X509_get_subject_name(certificate.get());
  for (int i = 0; i < X509_NAME_entry_count(subject); ++i) {
    const X509_NAME_ENTRY* entry = X509_NAME_get_entry(subject, i);
    const int kind = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
    std::string text = TextOf(X509_NAME_ENTRY_get_data(entry));
    if (text.empty()) continue;
    if (kind == NID_commonName) {
      caller.name = std::move(text);
    } else if (kind == NID_organizationName && caller.groups.size() < kGroupsMax) {
      caller.groups.push_back(std::move(text));
    }
  }
  if (caller.name.empty()) caller.name = FirstUri(certificate.get());
  if (caller.name.empty() || caller.name.size() > kNameBytesMax) {
    return TokenInvalid("the client certificate names nobody", kRemedy);
  }
  return MakeCaller(std::move(caller));
}

}  // namespace spawner::auth
