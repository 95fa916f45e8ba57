#include "base/grpc_security.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include "base/certificate.h"
#include "base/file.h"
#include "base/status.h"

namespace spawner {
namespace {

using grpc::experimental::FileWatcherCertificateProvider;

absl::StatusOr<std::string> Read(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path, kPemBytesMax);
  if (!text.ok()) return absl::InvalidArgumentError(text.status().message());
  return text;
}

absl::StatusOr<Certificate> ReadCertificate(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, Read(path));
  return ParseCertificateChain(path, text);
}

absl::Status CheckPair(const std::string& cert, const std::string& key) {
  CertificatePem pem{.name = cert};
  ASSIGN_OR_RETURN(pem.certificate, Read(cert));
  ASSIGN_OR_RETURN(pem.key, Read(key));
  return ParseCertificate(pem).status();
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
  if (!certificate.names.empty()) return certificate.names.front();
  return certificate.addresses.empty() ? "" : certificate.addresses.front();
}

}  // namespace spawner
