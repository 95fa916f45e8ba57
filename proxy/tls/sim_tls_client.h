#ifndef SPAWNER_PROXY_TLS_SIM_TLS_CLIENT_H_
#define SPAWNER_PROXY_TLS_SIM_TLS_CLIENT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "base/address.h"
#include "proxy/io/io.h"
#include "proxy/io/stream.h"
#include "proxy/tls/openssl.h"

namespace spawner::proxy {

// How a SimTlsClient shakes hands.
struct SimTlsClientOptions {
  std::string server_name = "app.test";
  std::string authority_pem;  // what it trusts
  int version = TLS1_3_VERSION;
  std::string alpn;                // wire form, "\x08http/1.1"; empty: none
  std::string ciphers;             // of TLS 1.2; empty: OpenSSL's
  SSL_SESSION* session = nullptr;  // to resume
  std::string preface;             // sent before the handshake, such as a PROXY header
};

// A TLS client in a simulated network, on OpenSSL's own memory BIOs: shares no code with what it
// tests.
class SimTlsClient final : public IoHandler {
 public:
  SimTlsClient(Io& io, SimTlsClientOptions options);
  ~SimTlsClient() override;

  void Connect(const Address& address);
  // Sent once the handshake is done.
  void Send(absl::string_view bytes);
  // close_notify; without it, only the end of the connection.
  void Finish(bool with_notify = true);
  void Abort() { stream_.Abort(); }
  void Close() { stream_.Close(); }
  void StopReading() { reads_ = false; }
  void GoOnReading();
  // Bytes on the socket that are no TLS at all.
  void SendRaw(absl::string_view bytes);

  bool is_connected() const { return SSL_is_init_finished(ssl_.get()) == 1; }
  bool is_resumed() const { return SSL_session_reused(ssl_.get()) == 1; }
  bool has_failed() const { return has_failed_; }        // handshake or record refused
  bool has_clean_end() const { return has_clean_end_; }  // close_notify came
  bool has_end() const { return stream_.has_ended() || stream_.has_failed(); }
  size_t unsent() const { return stream_.kept(); }
  SSL* ssl() const { return ssl_.get(); }
  // The newest ticket; null: none came.
  SSL_SESSION* session() const { return session_; }
  std::string alpn() const;
  std::string certificate_name() const;  // the leaf's common name
  std::string received;                  // decrypted
  std::string received_raw;              // as it came
  std::string failure;

  void OnIo(IoEvents events) override;

 private:
  static int OnSession(SSL* ssl, SSL_SESSION* session);
  void Pump();
  void ReadSocket();

  Io& io_;
  Stream stream_;
  SimTlsClientOptions options_;
  SslContextPtr context_;
  SslPtr ssl_;
  SSL_SESSION* session_ = nullptr;
  std::string to_send_;
  bool reads_ = true;
  bool has_failed_ = false;
  bool has_clean_end_ = false;
};

}  // namespace spawner::proxy

#endif  // SPAWNER_PROXY_TLS_SIM_TLS_CLIENT_H_
