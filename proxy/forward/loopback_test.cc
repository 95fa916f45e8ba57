// A worker on the kernel's sockets: what only the kernel can show. The rest is in forward_test and
// session_test, in virtual time.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "gtest/gtest.h"
#include "proxy/forward/worker.h"
#include "proxy/io/epoll_io.h"

namespace spawner::proxy {
namespace {

// A blocking socket; every wait ends after 20 s.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {
    timeval timeout{20, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
  }
  ~Peer() { close(fd_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  static int Dial(uint16_t port) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return fd;
  }
  void Send(absl::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(count));
    }
  }
  void Finish() { shutdown(fd_, SHUT_WR); }
  void Reset() {
    linger option{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &option, sizeof(option));
  }
  // Adds what comes next; false at the end, a failure or after 20 s.
  bool More() {
    char bytes[65536];
    const ssize_t count = recv(fd_, bytes, sizeof(bytes), 0);
    if (count > 0) received.append(bytes, static_cast<size_t>(count));
    was_reset = count < 0 && errno == ECONNRESET;
    return count > 0;
  }
  bool Until(absl::string_view what) {
    while (!absl::StrContains(received, what)) {
      if (!More()) return false;
    }
    return true;
  }
  void ToTheEnd() {
    while (More()) {
    }
  }
  std::string received;
  bool was_reset = false;

 private:
  const int fd_;
};

// Serves each connection on a thread of its own.
class Backend {
 public:
  explicit Backend(std::function<void(Peer&)> serve) : serve_(std::move(serve)) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 64), 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] {
      for (int fd; (fd = accept(listener_, nullptr, nullptr)) >= 0;) {
        servers_.emplace_back([this, fd] {
          Peer peer(fd);
          serve_(peer);
        });
      }
    });
  }
  ~Backend() {
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (std::thread& server : servers_) server.join();
    close(listener_);
  }
  uint16_t port() const { return port_; }

 private:
  std::function<void(Peer&)> serve_;
  int listener_;
  uint16_t port_ = 0;
  std::vector<std::thread> servers_;
  std::thread acceptor_;
};

size_t CountDescriptors() {
  const std::filesystem::directory_iterator open("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(open), end(open)));
}

class NoReports final : public WorkerReports {
 public:
  void OnApplied(int, RouteVersion, std::vector<GateCount>) override {}
  void OnUsage(int, std::vector<SessionTotals>) override {}
  void OnUnknown(int, std::string) override {}
  void OnDrained(int) override {}
};

class Loopback : public testing::Test {
 protected:
  void Serve(std::function<void(Peer&)> serve) {
    backend_ = std::make_unique<Backend>(std::move(serve));
    io_ = EpollIo::Create().value();
    worker_ = std::make_unique<Worker>(Worker::Options{}, *io_, clock_, reports_, nullptr);
    port_ = worker_->Listen({"127.0.0.1", 0}).value().port;
    worker_->Post(RouteChange{.version = {0, 1},
                              .replaces_all = true,
                              .routes = {{.session_id = "/",
                                          .epoch = 1,
                                          .state = RouteState::kOpen,
                                          .ip = "127.0.0.1",
                                          .port = backend_->port()}}});
    thread_ = std::thread([this] { worker_->Run(); });
  }
  ~Loopback() override {
    worker_->Stop();
    thread_.join();
    worker_.reset();  // its connections close, so that the backend's threads end
  }

  SystemClock clock_;
  NoReports reports_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<EpollIo> io_;
  std::unique_ptr<Worker> worker_;
  uint16_t port_ = 0;
  std::thread thread_;
};

constexpr char kHead[] = "HTTP/1.1 200 OK\r\nContent-Length: ";

TEST_F(Loopback, CarriesManyRequestsOnOneConnection) {
  Serve([](Peer& peer) {
    while (peer.Until("\r\n\r\n")) {
      peer.received.erase(0, peer.received.find("\r\n\r\n") + 4);
      peer.Send(absl::StrCat(kHead, "2\r\n\r\nok"));
    }
  });
  Peer client(Peer::Dial(port_));
  for (int i = 0; i < 1000; ++i) {
    client.received.clear();
    client.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_TRUE(client.Until("\r\n\r\nok")) << i;
  }
  EXPECT_EQ(worker_->counters().upstreams.value(), 1);
  EXPECT_GE(worker_->counters().requests[200].value(), 999);  // the last may be counted in a moment
}

// The kernel keeps bytes that an end is to go with for 200 ms if none follows (tcp(7), MSG_MORE).
TEST_F(Loopback, SendsTheLastBytesAtOnceWithTheEnd) {
  Serve([](Peer& peer) {
    while (peer.Until("\r\n\r\n")) {
      peer.received.clear();
      peer.Send(absl::StrCat(kHead, "2\r\n\r\nok"));
    }
  });
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) {
    Peer client(Peer::Dial(port_));
    // The body of every other one never comes: its answer comes early.
    client.Send(absl::StrCat(i % 2 == 0 ? "GET" : "POST",
                             " / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n",
                             i % 2 == 0 ? "" : "Content-Length: 5\r\n", "\r\n"));
    client.ToTheEnd();
    EXPECT_FALSE(client.was_reset);
    EXPECT_TRUE(absl::EndsWith(client.received, "Connection: close\r\n\r\nok")) << client.received;
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST_F(Loopback, CarriesLargeBodiesBothWaysAtOnce) {
  constexpr size_t size = 20'000'000;
  Serve([](Peer& peer) {
    ASSERT_TRUE(peer.Until("\r\n\r\n"));
    size_t sent = peer.received.find("\r\n\r\n") + 4;
    peer.Send(absl::StrCat(kHead, size, "\r\n\r\n"));
    const size_t total = sent + size;
    do {
      peer.Send(absl::string_view(peer.received).substr(sent));
      sent = peer.received.size();
    } while (sent < total && peer.More());
  });
  std::string body(size, '\0');
  for (size_t i = 0; i < size; ++i) body[i] = static_cast<char>(i * 31 >> 3);
  Peer client(Peer::Dial(port_));
  std::thread sender([&] {
    client.Send(absl::StrCat("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ", size, "\r\n\r\n"));
    client.Send(body);
  });
  client.ToTheEnd();
  sender.join();
  EXPECT_TRUE(absl::EndsWith(client.received, body));
}

TEST_F(Loopback, LongChunksPassThroughPipesWhichAReaderThatLeavesGivesBack) {
  const std::string chunk(3'000'000, 'c');
  const std::string body =
      absl::StrCat(absl::Hex(chunk.size()), "\r\n", chunk, "\r\n2\r\nok\r\n0\r\n\r\n");
  Serve([&body](Peer& peer) {
    while (peer.Until("\r\n\r\n")) {
      peer.received.clear();
      peer.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      peer.Send(body);
    }
  });
  const auto ask = [](Peer& client) { client.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"); };
  {
    Peer client(Peer::Dial(port_));
    ask(client);
    ASSERT_TRUE(client.Until("0\r\n\r\n"));
    EXPECT_TRUE(absl::EndsWith(client.received, body));
  }
  const size_t before = CountDescriptors();
  for (int i = 0; i < 20; ++i) {
    Peer client(Peer::Dial(port_));
    ask(client);
    ASSERT_TRUE(client.More());
    client.Reset();
  }
  const auto deadline = clock_.Now() + absl::Seconds(20);
  while (CountDescriptors() > before && clock_.Now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_LE(CountDescriptors(), before);
}

TEST_F(Loopback, ATunnelHalfClosesBothWays) {
  Serve([](Peer& peer) {
    ASSERT_TRUE(peer.Until("\r\n\r\n"));
    peer.received.erase(0, peer.received.find("\r\n\r\n") + 4);
    peer.Send("HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    peer.ToTheEnd();
    peer.Send("heard " + peer.received);
  });
  Peer client(Peer::Dial(port_));
  client.Send(
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nearly ");
  ASSERT_TRUE(client.Until("\r\n\r\n"));
  client.Send("late");
  client.Finish();
  client.ToTheEnd();
  EXPECT_TRUE(absl::EndsWith(client.received, "heard early late")) << client.received;
  EXPECT_FALSE(client.was_reset);
}

TEST_F(Loopback, ABackendThatDiesWithinAResponseResetsTheClient) {
  Serve([](Peer& peer) {
    ASSERT_TRUE(peer.Until("\r\n\r\n"));
    peer.Send(absl::StrCat(kHead, "100\r\n\r\nhalf"));
  });
  Peer client(Peer::Dial(port_));
  client.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  client.ToTheEnd();
  EXPECT_TRUE(client.was_reset);
}

TEST_F(Loopback, TheAnswerToAMalformedRequestSurvivesWhatIsStillBeingSent) {
  Serve([](Peer&) {});
  Peer client(Peer::Dial(port_));
  client.Send("GET / HTTP/1.1\r\nHost: a\r\nBad Header: x\r\n\r\n" + std::string(1'000'000, 'x'));
  client.Finish();
  client.ToTheEnd();
  EXPECT_TRUE(absl::StartsWith(client.received, "HTTP/1.1 400 ")) << client.received;
  EXPECT_FALSE(client.was_reset);
}

TEST_F(Loopback, AnEndedRouteIsGone) {
  Serve([](Peer&) {});
  worker_->Post(RouteChange{.version = {0, 2},
                            .replaces_all = true,
                            .routes = {{.session_id = "/gone",
                                        .epoch = 1,
                                        .state = RouteState::kEnded,
                                        .reason = "REQUESTED"}}});
  Peer client(Peer::Dial(port_));
  client.Send("GET /gone/x HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(client.Until("REQUESTED"));
  EXPECT_TRUE(absl::StartsWith(client.received, "HTTP/1.1 410 "));
}

}  // namespace
}  // namespace spawner::proxy
