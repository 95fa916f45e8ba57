#ifndef SPAWNER_PROXY_TLS_TLS_CONTEXT_H_
#define SPAWNER_PROXY_TLS_TLS_CONTEXT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proxy/tls/material.h"
#include "proxy/tls/openssl.h"

namespace spawner::proxy {

// How a worker is a TLS server: versions, ciphers, the certificate for each name, tickets, ALPN.
// Thread: its worker's. Owner: TlsIo, until its last connection is gone.
class TlsContext {
 public:
  // INVALID_ARGUMENT names the certificate and what is wrong with it.
  static absl::StatusOr<std::unique_ptr<TlsContext>> Create(const TlsMaterial& material,
                                                            bool offers_h2);
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // A connection about to shake hands, on the server's side. Null: out of memory.
  SslPtr NewConnection();
  // For handshakes from now on. Not empty.
  void SetTicketKeys(std::vector<TicketKey> keys) { ticket_keys_ = std::move(keys); }

  size_t users = 0;  // TlsIo's: connections that need it

 private:
  explicit TlsContext(bool offers_h2) : offers_h2_(offers_h2) {}

  absl::Status Configure();
  absl::Status AddCertificates(const std::vector<CertificatePem>& pems);
  absl::Status SetDefault();
  // Indexes in certificates_, at most one of each kind of key; null: none of ours has the name.
  const std::vector<size_t>* Find(absl::string_view host) const;
  bool Use(SSL* ssl, const Certificate& certificate);

  static int OnCertificate(SSL* ssl, void* self);
  static int OnAlpn(SSL* ssl, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* in, unsigned int in_size, void* self);
  static int OnTicket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                      EVP_MAC_CTX* mac, int seals);
  bool Seal(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac);
  int Open(const unsigned char* name, const unsigned char* iv, EVP_CIPHER_CTX* cipher,
           EVP_MAC_CTX* mac);

  const bool offers_h2_;
  SslContextPtr context_;
  CipherPtr aes_;
  std::vector<Certificate> certificates_;
  // By name; those that begin with "*." without the star.
  absl::flat_hash_map<std::string, std::vector<size_t>> exact_;
  absl::flat_hash_map<std::string, std::vector<size_t>> wildcard_;
  std::vector<size_t> default_;
  std::vector<TicketKey> ticket_keys_;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_TLS_TLS_CONTEXT_H_
