#ifndef SPAWNER_BASE_GRPC_SECURITY_H_
#define SPAWNER_BASE_GRPC_SECURITY_H_

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// TLS of our gRPC connections. Files are PEM, read again as they change (kTlsRereadSeconds).
namespace spawner {

inline constexpr unsigned int kTlsRereadSeconds = 10;

// What a client shows and trusts. Empty: no TLS.
struct TlsClientFiles {
  std::string ca;    // authorities of servers
  std::string cert;  // our own certificate and chain, with `key`; both or none
  std::string key;
  std::string server_name;  // verified instead of the address's host; empty: that

  bool IsEmpty() const { return ca.empty(); }
};

// INVALID_ARGUMENT: a file is missing, is not PEM, or the key is not the certificate's.
absl::Status CheckTlsFiles(const TlsClientFiles& files);
// For files that were checked. Insecure without any.
std::shared_ptr<grpc::ChannelCredentials> MakeChannelCredentials(const TlsClientFiles& files,
                                                                 grpc::ChannelArguments* arguments);

// What a server shows, and whose client certificates it takes. Empty: no TLS.
struct TlsServerFiles {
  std::string cert;
  std::string key;
  std::string client_ca;  // empty: no client certificates are asked for

  bool IsEmpty() const { return cert.empty(); }
};

absl::Status CheckTlsFiles(const TlsServerFiles& files);
// A client may show a certificate of `client_ca`; it need not, but a wrong one is refused.
std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(const TlsServerFiles& files);

// The first host name that the certificate in `path` is for, else its first IP address; empty: it
// has none.
absl::StatusOr<std::string> CertificateName(const std::string& path);

}  // namespace spawner

#endif  // SPAWNER_BASE_GRPC_SECURITY_H_
