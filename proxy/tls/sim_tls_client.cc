#include "proxy/tls/sim_tls_client.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace spawner::proxy {

SimTlsClient::SimTlsClient(Io& io, SimTlsClientOptions options)
    : io_(io),
      stream_(io),
      options_(std::move(options)),
      context_(SSL_CTX_new(TLS_client_method())) {
  SSL_CTX* const context = context_.get();
  SSL_CTX_set_min_proto_version(context, options_.version);
  SSL_CTX_set_max_proto_version(context, options_.version);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, &OnSession);
  if (!options_.ciphers.empty()) SSL_CTX_set_cipher_list(context, options_.ciphers.c_str());
  if (!options_.authority_pem.empty()) {
    const BioPtr text(BIO_new_mem_buf(options_.authority_pem.data(), -1));
    const X509Ptr authority(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
    SPAWNER_CHECK(authority != nullptr);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get());
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  ssl_.reset(SSL_new(context));
  SSL_set_app_data(ssl_.get(), this);
  SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  if (!options_.server_name.empty()) {
    SSL_set_tlsext_host_name(ssl_.get(), options_.server_name.c_str());
    if (!options_.authority_pem.empty()) SSL_set1_host(ssl_.get(), options_.server_name.c_str());
  }
  if (!options_.alpn.empty()) {
    SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(options_.alpn.data()),
                        static_cast<unsigned int>(options_.alpn.size()));
  }
  if (options_.session != nullptr) SSL_set_session(ssl_.get(), options_.session);
  SSL_set_connect_state(ssl_.get());
}

SimTlsClient::~SimTlsClient() { SSL_SESSION_free(session_); }

int SimTlsClient::OnSession(SSL* ssl, SSL_SESSION* session) {
  auto* const self = static_cast<SimTlsClient*>(SSL_get_app_data(ssl));
  SSL_SESSION_free(self->session_);
  self->session_ = session;
  return 1;
}

void SimTlsClient::Connect(const Address& address) {
  absl::StatusOr<Socket> socket = io_.Connect(address, *this);
  SPAWNER_CHECK(socket.ok());
  stream_.Adopt(*socket);
  stream_.Write({options_.preface});
  Pump();
}

void SimTlsClient::Send(absl::string_view bytes) {
  to_send_.append(bytes.data(), bytes.size());
  Pump();
}

void SimTlsClient::SendRaw(absl::string_view bytes) { stream_.Write({bytes}); }

void SimTlsClient::Finish(bool with_notify) {
  if (with_notify) {
    SSL_shutdown(ssl_.get());
    Pump();
  }
  stream_.FinishWriting();
}

void SimTlsClient::GoOnReading() {
  reads_ = true;
  ReadSocket();
  Pump();
}

void SimTlsClient::OnIo(IoEvents events) {
  stream_.OnIo(events);
  stream_.Flush();
  if (reads_) ReadSocket();
  Pump();
}

void SimTlsClient::ReadSocket() {
  char bytes[4096];
  for (;;) {
    const IoResult read = stream_.Read(bytes, sizeof(bytes));
    if (!read.is_bytes()) return;
    received_raw.append(bytes, read.size);
    BIO_write(SSL_get_rbio(ssl_.get()), bytes, static_cast<int>(read.size));
  }
}

void SimTlsClient::Pump() {
  ERR_clear_error();
  char bytes[4096];
  int result = SSL_do_handshake(ssl_.get());
  while (result == 1 && !to_send_.empty() && !stream_.is_blocked()) {
    size_t count = 0;
    const size_t size = std::min<size_t>(to_send_.size(), 64 * 1024);
    if (SSL_write_ex(ssl_.get(), to_send_.data(), size, &count) != 1) break;
    to_send_.erase(0, count);
    for (int out; (out = BIO_read(SSL_get_wbio(ssl_.get()), bytes, sizeof(bytes))) > 0;) {
      stream_.Write({absl::string_view(bytes, static_cast<size_t>(out))});
    }
  }
  while (result == 1) {
    size_t count = 0;
    if (SSL_read_ex(ssl_.get(), bytes, sizeof(bytes), &count) != 1) {
      result = 0;
      break;
    }
    received.append(bytes, count);
  }
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_ZERO_RETURN) has_clean_end_ = true;
  if (error == SSL_ERROR_SSL && !has_failed_) {
    has_failed_ = true;
    failure = TakeOpensslError();
  }
  ERR_clear_error();
  for (int out; (out = BIO_read(SSL_get_wbio(ssl_.get()), bytes, sizeof(bytes))) > 0;) {
    stream_.Write({absl::string_view(bytes, static_cast<size_t>(out))});
  }
}

std::string SimTlsClient::alpn() const {
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
  return std::string(reinterpret_cast<const char*>(protocol), size);
}

std::string SimTlsClient::certificate_name() const {
  X509* const leaf = SSL_get0_peer_certificate(ssl_.get());
  if (leaf == nullptr) return "";
  char name[256] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(leaf), NID_commonName, name, sizeof(name));
  return name;
}

}  // namespace spawner::proxy
