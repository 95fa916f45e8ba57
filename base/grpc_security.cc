#include "base/grpc_security.h"

#include <arpa/inet.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"

namespace spawner {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free_all)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Names = std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)>;
using grpc::experimental::FileWatcherCertificateProvider;

absl::StatusOr<Bio> Open(const std::string& path, std::string& text) {
  absl::StatusOr<std::string> read = ReadFile(path, kPemBytesMax);
  if (!read.ok()) return absl::InvalidArgumentError(read.status().message());
  text = *std::move(read);
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free_all);
}

absl::StatusOr<Certificate> ReadCertificate(const std::string& path) {
  std::string text;
  ASSIGN_OR_RETURN(const Bio bio, Open(path, text));
  Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free);
  if (certificate == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("read ", path, ": no certificate in PEM"));
  }
  return certificate;
}

absl::Status CheckPair(const std::string& cert, const std::string& key_path) {
  ASSIGN_OR_RETURN(const Certificate certificate, ReadCertificate(cert));
  std::string text;
  ASSIGN_OR_RETURN(const Bio bio, Open(key_path, text));
  // No passphrase: OpenSSL would ask the terminal for one.
  const Key key(PEM_read_bio_PrivateKey(
                    bio.get(), nullptr, [](char*, int, int, void*) { return -1; }, nullptr),
                EVP_PKEY_free);
  if (key == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("read ", key_path, ": no private key in PEM without a passphrase"));
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(key_path, ": is not the key of the certificate ", cert));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckTlsFiles(const TlsClientFiles& files) {
  if (files.cert.empty() != files.key.empty()) {
    return absl::InvalidArgumentError("a certificate and its key: give both or none");
  }
  if (files.ca.empty() && !files.cert.empty()) {
    return absl::InvalidArgumentError("a client certificate needs the CA of the server as well");
  }
  if (!files.ca.empty()) RETURN_IF_ERROR(ReadCertificate(files.ca).status());
  return files.cert.empty() ? absl::OkStatus() : CheckPair(files.cert, files.key);
}

absl::Status CheckTlsFiles(const TlsServerFiles& files) {
  if (files.cert.empty() != files.key.empty()) {
    return absl::InvalidArgumentError("a certificate and its key: give both or none");
  }
  if (files.cert.empty() && !files.client_ca.empty()) {
    return absl::InvalidArgumentError("client certificates need TLS: give a certificate and a key");
  }
  if (!files.client_ca.empty()) RETURN_IF_ERROR(ReadCertificate(files.client_ca).status());
  return files.cert.empty() ? absl::OkStatus() : CheckPair(files.cert, files.key);
}

std::shared_ptr<grpc::ChannelCredentials> MakeChannelCredentials(
    const TlsClientFiles& files, grpc::ChannelArguments* arguments) {
  if (files.IsEmpty()) return grpc::InsecureChannelCredentials();
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(std::make_shared<FileWatcherCertificateProvider>(
      files.key, files.cert, files.ca, kTlsRereadSeconds));
  options.watch_root_certs();
  if (!files.cert.empty()) options.watch_identity_key_cert_pairs();
  if (!files.server_name.empty()) arguments->SetSslTargetNameOverride(files.server_name);
  return grpc::experimental::TlsCredentials(options);
}

std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(const TlsServerFiles& files) {
  if (files.IsEmpty()) return grpc::InsecureServerCredentials();
  grpc::experimental::TlsServerCredentialsOptions options(
      std::make_shared<FileWatcherCertificateProvider>(files.key, files.cert, files.client_ca,
                                                       kTlsRereadSeconds));
  options.watch_identity_key_cert_pairs();
  if (!files.client_ca.empty()) {
    options.watch_root_certs();
    options.set_cert_request_type(GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(options);
}

absl::StatusOr<std::string> CertificateName(const std::string& path) {
  ASSIGN_OR_RETURN(const Certificate certificate, ReadCertificate(path));
  const Names names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(
                        certificate.get(), NID_subject_alt_name, nullptr, nullptr)),
                    GENERAL_NAMES_free);
  std::string address;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    const bool is_dns = name->type == GEN_DNS;
    if (!is_dns && name->type != GEN_IPADD) continue;
    const ASN1_STRING* value = is_dns ? name->d.dNSName : name->d.iPAddress;
    const unsigned char* bytes = ASN1_STRING_get0_data(value);
    const int size = ASN1_STRING_length(value);
    if (is_dns) return std::string(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
    char text[INET6_ADDRSTRLEN] = "";
    inet_ntop(size == 4 ? AF_INET : AF_INET6, bytes, text, sizeof(text));
    if (address.empty()) address = text;
  }
  return address;
}

}  // namespace spawner
