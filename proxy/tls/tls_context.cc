#include "proxy/tls/tls_context.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/certificate.h"
#include "base/check.h"
#include "base/status.h"
#include "proxy/tls/limits.h"

namespace spawner::proxy {
namespace {

// What Mozilla's guidelines call "intermediate" (RFC 9325 4.2): forward secret and authenticated.
constexpr char kCiphers12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr char kCiphers13[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr char kGroups[] = "X25519:P-256:P-384";
constexpr unsigned char kSessionIdContext[] = "spawner";
constexpr size_t kNameBytes = 16;

// The certificates in `at` and `index`, which is of another kind of key.
void AddOfKind(const std::vector<Certificate>& all, size_t index, std::vector<size_t>* at) {
  const int kind = EVP_PKEY_get_base_id(all[index].key.get());
  for (const size_t known : *at) {
    if (EVP_PKEY_get_base_id(all[known].key.get()) == kind) return;  // the first one is meant
  }
  at->push_back(index);
}

}  // namespace

absl::StatusOr<std::unique_ptr<TlsContext>> TlsContext::Create(const TlsMaterial& material,
                                                               bool offers_h2) {
  SPAWNER_CHECK(!material.ticket_keys.empty());
  std::unique_ptr<TlsContext> context(new TlsContext(offers_h2));
  context->ticket_keys_ = material.ticket_keys;
  RETURN_IF_ERROR(context->Configure());
  RETURN_IF_ERROR(context->AddCertificates(material.certificates));
  return context;
}

absl::Status TlsContext::Configure() {
  ERR_clear_error();
  context_.reset(SSL_CTX_new(TLS_server_method()));
  aes_.reset(EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr));
  SSL_CTX* const context = context_.get();
  if (context == nullptr || aes_ == nullptr ||
      SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context, kCiphers12) != 1 ||
      SSL_CTX_set_ciphersuites(context, kCiphers13) != 1 ||
      SSL_CTX_set1_groups_list(context, kGroups) != 1 ||
      SSL_CTX_set_session_id_context(context, kSessionIdContext, sizeof(kSessionIdContext) - 1) !=
          1) {
    return absl::InternalError(absl::StrCat("set up TLS: ", TakeOpensslError()));
  }
  SSL_CTX_set_security_level(context, 2);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, kReadBufferBytes);
  // Tickets only: a cache of sessions would be of this process alone.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(context, absl::ToInt64Seconds(kTicketLifetime));
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_app_data(context, this);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, &OnTicket);
  SSL_CTX_set_alpn_select_cb(context, &OnAlpn, this);
  SSL_CTX_set_cert_cb(context, &OnCertificate, this);
  return absl::OkStatus();
}

absl::Status TlsContext::AddCertificates(const std::vector<CertificatePem>& pems) {
  if (pems.empty()) return absl::InvalidArgumentError("there is no certificate");
  for (const CertificatePem& pem : pems) {
    ASSIGN_OR_RETURN(Certificate certificate, ParseCertificate(pem));
    // What OpenSSL refuses (a key too small, a signature of SHA-1) is found now, not at a client's
    // cost.
    const SslPtr probe(SSL_new(context_.get()));
    if (probe == nullptr || !Use(probe.get(), certificate)) {
      return absl::InvalidArgumentError(absl::StrCat(
          pem.name, ": ", TakeOpensslError(), "; get one with a larger key or a newer signature"));
    }
    certificates_.push_back(std::move(certificate));
    const size_t index = certificates_.size() - 1;
    for (const std::string& name : certificates_[index].names) {
      const bool is_wildcard = name.size() > 2 && name.compare(0, 2, "*.") == 0;
      AddOfKind(certificates_, index, is_wildcard ? &wildcard_[name.substr(2)] : &exact_[name]);
    }
  }
  return SetDefault();
}

// For clients that name no host of ours: the first certificate and, if there is one for the same
// name, its twin with another kind of key.
absl::Status TlsContext::SetDefault() {
  const Certificate& first = certificates_.front();
  const std::vector<size_t>* const twins =
      first.names.empty() ? nullptr : Find(first.names.front());
  default_ = twins != nullptr && twins->front() == 0 ? *twins : std::vector<size_t>{0};
  for (const size_t index : default_) {
    const Certificate& certificate = certificates_[index];
    if (SSL_CTX_use_cert_and_key(context_.get(), certificate.leaf.get(), certificate.key.get(),
                                 certificate.chain.get(), /*override=*/1) != 1) {
      return absl::InternalError(absl::StrCat("set up TLS: ", TakeOpensslError()));
    }
  }
  return absl::OkStatus();
}

const std::vector<size_t>* TlsContext::Find(absl::string_view host) const {
  std::string name = absl::AsciiStrToLower(host);
  if (!name.empty() && name.back() == '.') name.pop_back();
  if (const auto it = exact_.find(name); it != exact_.end()) return &it->second;
  // RFC 6125 6.4.3: the star is one whole label, the left-most.
  const size_t dot = name.find('.');
  if (dot == std::string::npos || dot == 0) return nullptr;
  const auto it = wildcard_.find(name.substr(dot + 1));
  return it != wildcard_.end() ? &it->second : nullptr;
}

SslPtr TlsContext::NewConnection() {
  SslPtr ssl(SSL_new(context_.get()));
  if (ssl != nullptr) SSL_set_accept_state(ssl.get());
  return ssl;
}

bool TlsContext::Use(SSL* ssl, const Certificate& certificate) {
  return SSL_use_cert_and_key(ssl, certificate.leaf.get(), certificate.key.get(),
                              certificate.chain.get(), /*override=*/1) == 1;
}

// Once a full handshake: certificates by the name that the client gives (RFC 6066 3), of which
// OpenSSL takes the one whose kind of key the client knows.
int TlsContext::OnCertificate(SSL* ssl, void* self) {
  TlsContext& context = *static_cast<TlsContext*>(self);
  const char* const host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  const std::vector<size_t>* const found = host != nullptr ? context.Find(host) : nullptr;
  if (found == nullptr || *found == context.default_) return 1;  // context_ has them
  SSL_certs_clear(ssl);
  for (const size_t index : *found) {
    if (!context.Use(ssl, context.certificates_[index])) return 0;
  }
  return 1;
}

// RFC 7301 3.2: our order; none in common is fatal.
int TlsContext::OnAlpn(SSL*, const unsigned char** out, unsigned char* out_size,
                       const unsigned char* in, unsigned int in_size, void* self) {
  const absl::string_view ours[] = {static_cast<TlsContext*>(self)->offers_h2_ ? "h2" : "",
                                    "http/1.1", "http/1.0"};
  for (const absl::string_view protocol : ours) {
    if (protocol.empty()) continue;
    for (unsigned int at = 0; at < in_size; at += 1 + in[at]) {
      const absl::string_view offered(reinterpret_cast<const char*>(in + at + 1), in[at]);
      if (offered != protocol) continue;
      *out = in + at + 1;
      *out_size = in[at];
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

int TlsContext::OnTicket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                         EVP_MAC_CTX* mac, int seals) {
  auto* const self = static_cast<TlsContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  if (seals == 1) return self->Seal(name, iv, cipher, mac) ? 1 : -1;
  return self->Open(name, iv, cipher, mac);
}

namespace {

bool SetMac(EVP_MAC_CTX* mac, const std::string& key) {
  char digest[] = "SHA256";
  auto* const bytes = reinterpret_cast<unsigned char*>(const_cast<char*>(key.data()));
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, bytes, key.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_END};
  return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

const unsigned char* Bytes(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

bool TlsContext::Seal(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                      EVP_MAC_CTX* mac) {
  const TicketKey& key = ticket_keys_.front();
  std::memcpy(name, key.name.data(), kNameBytes);
  return RAND_bytes(iv, EVP_CIPHER_get_iv_length(aes_.get())) == 1 &&
         EVP_EncryptInit_ex2(cipher, aes_.get(), Bytes(key.cipher), iv, nullptr) == 1 &&
         SetMac(mac, key.mac);
}

// 0: an unknown key, so a full handshake; 2: a new ticket is due (openssl's ticket_key_evp_cb).
int TlsContext::Open(const unsigned char* name, const unsigned char* iv, EVP_CIPHER_CTX* cipher,
                     EVP_MAC_CTX* mac) {
  for (const TicketKey& key : ticket_keys_) {
    if (std::memcmp(name, key.name.data(), kNameBytes) != 0) continue;
    if (EVP_DecryptInit_ex2(cipher, aes_.get(), Bytes(key.cipher), iv, nullptr) != 1) return -1;
    if (!SetMac(mac, key.mac)) return -1;
    return &key == &ticket_keys_.front() ? 1 : 2;
  }
  return 0;
}

}  // namespace spawner::proxy
