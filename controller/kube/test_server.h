#ifndef SPAWNER_CONTROLLER_KUBE_TEST_SERVER_H_
#define SPAWNER_CONTROLLER_KUBE_TEST_SERVER_H_

#include <openssl/ssl.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/thread_annotations.h"

namespace spawner::kube {

// An HTTP server on a port of 127.0.0.1 for tests of CurlTransport: HTTP/1.1, or HTTP/2 over TLS.
// One thread per connection.
class TestServer {
 public:
  struct Request {
    std::string head;  // request line and header lines as sent; "METHOD PATH" with HTTP/2
    std::string body;
  };
  // What goes back over HTTP/1.1, byte for byte; then the connection is closed, or read on.
  struct Answer {
    std::string bytes;
    bool close = false;
  };
  using Handler = std::function<Answer(const Request&)>;

  struct Tls {
    std::string cert_pem;
    std::string key_pem;
    std::string client_ca_pem;  // clients must show a certificate of it; empty: need none
    // HTTP/2: requests are held until this many are in flight, then each gets 200 and "{}".
    // At most 100 on each connection, as a kube-apiserver has it. 0: HTTP/1.1.
    int hold_streams = 0;
  };

  explicit TestServer(Handler handler);  // plain
  TestServer(Tls tls, Handler handler);
  ~TestServer();
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  int port() const { return port_; }
  std::vector<Request> requests();
  int connections();
  int most_streams();  // in flight at once

 private:
  class Connection;
  class Http2;

  void Listen();
  void Accept();
  void Serve(int fd);
  void ServeHttp1(Connection& connection);
  void ServeHttp2(Connection& connection);
  void Note(Request request);

  const Tls tls_;
  const Handler handler_;
  SSL_CTX* context_ = nullptr;
  int listener_ = -1;
  int port_ = 0;
  std::thread acceptor_;
  Mutex mutex_;
  bool stopping_ SPAWNER_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_ SPAWNER_GUARDED_BY(mutex_);
  std::vector<int> sockets_ SPAWNER_GUARDED_BY(mutex_);
  std::vector<Request> requests_ SPAWNER_GUARDED_BY(mutex_);
  int streams_ SPAWNER_GUARDED_BY(mutex_) = 0;
  int most_streams_ SPAWNER_GUARDED_BY(mutex_) = 0;
  bool released_ SPAWNER_GUARDED_BY(mutex_) = false;
};

// "HTTP/1.1 CODE x" with a length, the header lines (each ending with CR LF) and the body.
std::string HttpAnswer(int code, absl::string_view body, absl::string_view header_lines = "");

}  // namespace spawner::kube

#endif  // SPAWNER_CONTROLLER_KUBE_TEST_SERVER_H_
