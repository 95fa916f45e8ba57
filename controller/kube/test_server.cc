#include "controller/kube/test_server.h"

#include <arpa/inet.h>
#include <nghttp2/nghttp2.h>
#include <openssl/pem.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace spawner::kube {
namespace {

constexpr int kTurnMs = 5;  // between looks at whether held streams are released

int ChooseHttp2(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                unsigned in_size, void*) {
  static constexpr unsigned char kH2[] = {2, 'h', '2'};
  const int chosen = SSL_select_next_proto(const_cast<unsigned char**>(out), out_size, kH2,
                                           sizeof(kH2), in, in_size);
  return chosen == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

SSL_CTX* MakeContext(const TestServer::Tls& tls) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  BIO* cert_text = BIO_new_mem_buf(tls.cert_pem.data(), static_cast<int>(tls.cert_pem.size()));
  BIO* key_text = BIO_new_mem_buf(tls.key_pem.data(), static_cast<int>(tls.key_pem.size()));
  X509* cert = PEM_read_bio_X509(cert_text, nullptr, nullptr, nullptr);
  EVP_PKEY* key = PEM_read_bio_PrivateKey(key_text, nullptr, nullptr, nullptr);
  SPAWNER_CHECK(SSL_CTX_use_certificate(context, cert) == 1);
  SPAWNER_CHECK(SSL_CTX_use_PrivateKey(context, key) == 1);
  X509_free(cert);
  EVP_PKEY_free(key);
  BIO_free_all(cert_text);
  BIO_free_all(key_text);
  if (!tls.client_ca_pem.empty()) {
    BIO* ca_text =
        BIO_new_mem_buf(tls.client_ca_pem.data(), static_cast<int>(tls.client_ca_pem.size()));
    X509* ca = PEM_read_bio_X509(ca_text, nullptr, nullptr, nullptr);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca);
    X509_free(ca);
    BIO_free_all(ca_text);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  if (tls.hold_streams > 0) SSL_CTX_set_alpn_select_cb(context, ChooseHttp2, nullptr);
  return context;
}

}  // namespace

// A blocking socket, with TLS if there is a context.
class TestServer::Connection {
 public:
  Connection(int fd, SSL_CTX* context) : fd_(fd) {
    if (context == nullptr) return;
    ssl_ = SSL_new(context);
    SSL_set_fd(ssl_, fd);
  }
  ~Connection() {
    if (ssl_ != nullptr) SSL_free(ssl_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool Handshake() { return ssl_ == nullptr || SSL_accept(ssl_) == 1; }
  // False: nothing to read for `ms`.
  bool Wait(int ms) {
    if (ssl_ != nullptr && SSL_pending(ssl_) > 0) return true;
    pollfd p{fd_, POLLIN, 0};
    return poll(&p, 1, ms) > 0;
  }
  // What is there, at least a byte; empty at the end.
  std::string Read() {
    std::string bytes(16384, '\0');
    const ssize_t got = ssl_ == nullptr
                            ? recv(fd_, bytes.data(), bytes.size(), 0)
                            : SSL_read(ssl_, bytes.data(), static_cast<int>(bytes.size()));
    bytes.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return bytes;
  }
  bool Write(absl::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t put = ssl_ == nullptr
                              ? send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL)
                              : SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
      if (put <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(put));
    }
    return true;
  }

 private:
  const int fd_;
  SSL* ssl_ = nullptr;
};

// The server's end of one HTTP/2 connection.
class TestServer::Http2 {
 public:
  Http2(TestServer& server, Connection& connection) : server_(server), connection_(connection) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_send_callback(callbacks, &Http2::Send);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, &Http2::OnHeader);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &Http2::OnData);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &Http2::OnFrame);
    nghttp2_session_server_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    const nghttp2_settings_entry limit{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 100};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &limit, 1);
  }
  ~Http2() { nghttp2_session_del(session_); }
  Http2(const Http2&) = delete;
  Http2& operator=(const Http2&) = delete;

  bool Take(const std::string& bytes) {
    return nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()),
                                    bytes.size()) >= 0;
  }
  bool Flush() { return nghttp2_session_send(session_) == 0; }
  void AnswerHeld() {
    for (const int32_t stream : std::exchange(held_, {})) {
      char name[] = ":status";
      char value[] = "200";
      const nghttp2_nv status{reinterpret_cast<uint8_t*>(name), reinterpret_cast<uint8_t*>(value),
                              7, 3, NGHTTP2_NV_FLAG_NONE};
      const nghttp2_data_provider body{{.ptr = nullptr}, &Http2::ReadBody};
      nghttp2_submit_response(session_, stream, &status, 1, &body);
      const MutexLock lock(server_.mutex_);
      --server_.streams_;
    }
  }

 private:
  static ssize_t Send(nghttp2_session*, const uint8_t* data, size_t size, int, void* self) {
    const bool sent =
        static_cast<Http2*>(self)->connection_.Write({reinterpret_cast<const char*>(data), size});
    return sent ? static_cast<ssize_t>(size) : ssize_t{NGHTTP2_ERR_CALLBACK_FAILURE};
  }
  static ssize_t ReadBody(nghttp2_session*, int32_t, uint8_t* buffer, size_t, uint32_t* flags,
                          nghttp2_data_source*, void*) {
    buffer[0] = '{';
    buffer[1] = '}';
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    return 2;
  }
  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                      void* self) {
    const absl::string_view key(reinterpret_cast<const char*>(name), name_size);
    const absl::string_view text(reinterpret_cast<const char*>(value), value_size);
    std::string& head = static_cast<Http2*>(self)->requests_[frame->hd.stream_id].head;
    if (key == ":method") head = absl::StrCat(text, head);
    if (key == ":path") absl::StrAppend(&head, " ", text);
    return 0;
  }
  static int OnData(nghttp2_session*, uint8_t, int32_t stream, const uint8_t* data, size_t size,
                    void* self) {
    static_cast<Http2*>(self)->requests_[stream].body.append(reinterpret_cast<const char*>(data),
                                                             size);
    return 0;
  }
  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0 || frame->hd.stream_id == 0) return 0;
    auto* http2 = static_cast<Http2*>(self);
    http2->held_.push_back(frame->hd.stream_id);
    http2->server_.Note(std::move(http2->requests_[frame->hd.stream_id]));
    return 0;
  }

  TestServer& server_;
  Connection& connection_;
  nghttp2_session* session_ = nullptr;
  std::map<int32_t, Request> requests_;
  std::vector<int32_t> held_;
};

TestServer::TestServer(Handler handler) : handler_(std::move(handler)) { Listen(); }

TestServer::TestServer(Tls tls, Handler handler)
    : tls_(std::move(tls)), handler_(std::move(handler)), context_(MakeContext(tls_)) {
  Listen();
}

TestServer::~TestServer() {
  std::vector<std::thread> threads;
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    for (const int fd : sockets_) shutdown(fd, SHUT_RDWR);
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
  for (const int fd : sockets_) close(fd);
  close(listener_);
  SSL_CTX_free(context_);
}

void TestServer::Listen() {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  SPAWNER_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  SPAWNER_CHECK(listen(listener_, 64) == 0);
  socklen_t size = sizeof(address);
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

void TestServer::Accept() {
  while (true) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const MutexLock lock(mutex_);
    sockets_.push_back(fd);
    threads_.emplace_back([this, fd] { Serve(fd); });
  }
}

void TestServer::Serve(int fd) {
  Connection connection(fd, context_);
  if (connection.Handshake()) {
    if (tls_.hold_streams > 0) {
      ServeHttp2(connection);
    } else {
      ServeHttp1(connection);
    }
  }
  shutdown(fd, SHUT_RDWR);  // closed with the server
}

void TestServer::ServeHttp1(Connection& connection) {
  std::string input;
  while (true) {
    const std::string bytes = connection.Read();
    if (bytes.empty()) return;
    input += bytes;
    const size_t head_end = input.find("\r\n\r\n");
    if (head_end == std::string::npos) continue;
    Request request{.head = input.substr(0, head_end + 2)};
    const std::string lower = absl::AsciiStrToLower(request.head);
    size_t length = 0;
    if (const size_t at = lower.find("content-length: "); at != std::string::npos) {
      (void)absl::SimpleAtoi(lower.substr(at + 16, lower.find('\r', at) - at - 16), &length);
    }
    if (input.size() < head_end + 4 + length) continue;
    request.body = input.substr(head_end + 4, length);
    input.erase(0, head_end + 4 + length);
    Note(request);
    const Answer answer = handler_(request);
    if (!connection.Write(answer.bytes) || answer.close) return;
  }
}

void TestServer::ServeHttp2(Connection& connection) {
  Http2 http2(*this, connection);
  while (http2.Flush()) {
    if (connection.Wait(kTurnMs)) {
      const std::string bytes = connection.Read();
      if (bytes.empty() || !http2.Take(bytes)) return;
    }
    bool released;
    {
      const MutexLock lock(mutex_);
      if (stopping_) return;
      released = released_;
    }
    if (released) http2.AnswerHeld();
  }
}

void TestServer::Note(Request request) {
  const MutexLock lock(mutex_);
  requests_.push_back(std::move(request));
  if (tls_.hold_streams == 0) return;
  most_streams_ = std::max(most_streams_, ++streams_);
  if (streams_ >= tls_.hold_streams) released_ = true;
}

std::vector<TestServer::Request> TestServer::requests() {
  const MutexLock lock(mutex_);
  return requests_;
}

int TestServer::connections() {
  const MutexLock lock(mutex_);
  return static_cast<int>(sockets_.size());
}

int TestServer::most_streams() {
  const MutexLock lock(mutex_);
  return most_streams_;
}

std::string HttpAnswer(int code, absl::string_view body, absl::string_view header_lines) {
  return absl::StrCat("HTTP/1.1 ", code, " x\r\nContent-Length: ", body.size(), "\r\n",
                      header_lines, "\r\n", body);
}

}  // namespace spawner::kube
